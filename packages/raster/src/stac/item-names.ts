/** How the name of the file of a STAC item ends, after that of what it is of. */
export const ITEM_ENDING = '.stac.json';
