/** Reads ahead: several things at one time, used one after another in their order. */

/**
 * Reads each item, as many at one time as said, and uses what was read in the order of the items.
 * After an error nothing more is begun, and when this rejects nothing is under way.
 */
export async function inOrder<Item, Got>(
  items: Iterable<Item>,
  most: number,
  read: (item: Item) => Promise<Got>,
  use: (item: Item, got: Got) => Promise<void>,
): Promise<void> {
  const underWay: { readonly item: Item; readonly reading: Promise<Got> }[] = [];
  const useFirst = async (): Promise<void> => {
    const { item, reading } = underWay[0] as (typeof underWay)[0];
    const got = await reading;
    underWay.shift();
    await use(item, got);
  };
  try {
    for (const item of items) {
      if (underWay.length === most) await useFirst();
      const reading = read(item);
      // Told when its turn comes.
      reading.catch(() => undefined);
      underWay.push({ item, reading });
    }
    while (underWay.length > 0) await useFirst();
  } finally {
    await Promise.allSettled(underWay.map(({ reading }) => reading));
  }
}
