/** What the server is asked. */
import type { BandSummary } from '#src/serve/summary.js';
import type { Description, PixelValue, Told } from '#src/serve/description.js';
import type { TileStates } from '#src/serve/tile-states.js';

/** Answers by what is asked for. */
interface Answers {
  readonly 'tilejson.json': Description;
  readonly 'value.json': PixelValue;
  readonly 'statistics.json': BandSummary;
  readonly 'tiles.json': TileStates;
}

/** `undefined` where there is no answer: of a mosaic that was replaced long ago, or none any more. */
export async function ask<Name extends keyof Answers>(
  name: Name,
  words: Readonly<Record<string, string | number>> = {},
): Promise<Answers[Name] | undefined> {
  const query = new URLSearchParams(
    Object.entries(words).map(([key, value]) => [key, String(value)]),
  );
  try {
    const response = await fetch(`${name}?${query}`);
    return response.ok ? ((await response.json()) as Answers[Name]) : undefined;
  } catch {
    return undefined;
  }
}

/** @param told - of each change; `undefined` while the server is not reached */
export function listen(told: (now: Told | undefined) => void): void {
  const events = new EventSource('events');
  events.addEventListener('message', ({ data }) => told(JSON.parse(String(data)) as Told));
  events.addEventListener('error', () => told(undefined));
}
