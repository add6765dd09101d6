/**
 * What the processor time of a tiling goes to: one thread does all of it under V8's sampling
 * profiler, and the samples are added up by the rooms of the code. It says what a faster codec, a
 * faster loop or less of everything else could change.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';

/** What is written by `node --cpu-prof`: times in microseconds. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** By the file and the function, the first that fits. */
const rooms: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['not at work: waits for the disk', /\(idle\)$/],
  ['libraries that compress and decompress', /raster\/dist\/codec\/(?!predictor)/],
  ['predictors', /codec\/predictor|tiff\/block-grid/],
  ['statistics of bands', /dist\/statistics\//],
  ['looks for NaN', /tiff\/replace-nan/],
  ['checksums', /internal\/crypto/],
  ['clearing away what is not needed any more', /\(garbage collector\)$/],
  ['the rest of writing rasters', /raster\/dist\//],
  ['files, stages, locks', /holdfast\/dist\/| (?:read|writeBuffer|openFileHandle|close|fstat)$/],
];
const OTHER = 'starting Node and loading modules';

/** Runs a script with such arguments and prints the shares of its main thread's time. */
export function printWhere(
  title: string,
  root: string,
  script: string,
  parameters: readonly string[],
): void {
  const directory = mkdtempSync(`${root}/profile-`);
  const profiler = ['--cpu-prof', `--cpu-prof-dir=${directory}`];
  // The modules, not the bundles: a bundle does not say which room a function is of.
  const node = [...profiler, '--conditions=holdfast-modules', script, ...parameters];
  execFileSync(process.execPath, node, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [name = ''] = readdirSync(directory);
  const times = timesOf(JSON.parse(readFileSync(`${directory}/${name}`, 'utf8')) as Profile);
  rmSync(directory, { recursive: true });
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  console.log(`\n${title}`);
  for (const [room, time] of [...times].toSorted(([, a], [, b]) => b - a)) {
    const share = `${((100 * time) / total).toFixed(0)} %`;
    console.log(
      `  ${room.padEnd(48)}${(time / 1000).toFixed(0).padStart(7)} ms${share.padStart(6)}`,
    );
  }
}

function timesOf({ nodes, samples, timeDeltas }: Profile): ReadonlyMap<string, number> {
  const places = new Map(
    nodes.map(({ id, callFrame: { url, functionName } }) => [id, roomOf(`${url} ${functionName}`)]),
  );
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const room = places.get(id) ?? OTHER;
    times.set(room, (times.get(room) ?? 0) + (timeDeltas[index] ?? 0));
  }
  return times;
}

function roomOf(place: string): string {
  return rooms.find(([, pattern]) => pattern.test(place))?.[0] ?? OTHER;
}
