/** How the name of the file of a STAC item ends, after that of what it is of. */
export const ITEM_ENDING = '.stac.json';

/** That of the file with an item of each tile. */
export const ITEMS_ENDING = '.items.json';
