/**
 * Functions whose modules are loaded by their first call. Holdfast has some hundred modules; to load them all would take
 * longer than Node needs to start, and most programs use a few of its calls.
 */

/** The function itself as far as types and documentation go; calls are made in the order in which they come. */
export function atFirstCall<F extends (...args: never[]) => Promise<unknown>>(
  load: () => Promise<F>,
): F {
  let loading: Promise<F> | undefined;
  let loaded: F | undefined;
  let early = 0;
  const callLater = async (args: Parameters<F>): Promise<unknown> => {
    early += 1;
    try {
      loaded = await (loading ??= load());
    } finally {
      early -= 1;
    }
    return loaded(...args);
  };
  const call = (...args: Parameters<F>): Promise<unknown> =>
    loaded && early === 0 ? loaded(...args) : callLater(args);
  return call as unknown as F;
}

/** The same for a function that gives an iterable: its modules are loaded when the first item is asked for. */
export function atFirstItem<F extends (...args: never[]) => AsyncIterable<unknown>>(
  load: () => Promise<F>,
): F {
  async function* iterate(...args: Parameters<F>): AsyncGenerator {
    const loadedFunction = await load();
    yield* loadedFunction(...args);
  }
  return iterate as unknown as F;
}
