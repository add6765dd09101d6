/**
 * Fuzzes one target in a process of its own, until its time is over or an input is found that does
 * what none may: throw something other than a HoldfastError, take more than 2 s of processor time,
 * or make the process larger than 600 MB.
 *
 *   node child.js TARGET SEED SECONDS DIRECTORY [MOST]  inputs of a seed, no more than so many
 *   node child.js TARGET --replay FILE DIRECTORY        one input
 *
 * The input lies in a file before it is read, so that it is there whatever happens to the process.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isHoldfastError } from 'holdfast';
import { inputOf, recipes } from './mutations.js';
import type { FuzzTarget } from './target.js';
import { targets } from './targets/index.js';

const LONGEST_CPU_MS = 2000;
const MOST_RSS_BYTES = 600 * 1000 * 1000;
/** Garbage is no memory that an input takes; it is collected before it looks like it. */
const COLLECT_AT_BYTES = 250 * 1000 * 1000;

const [name = '', what = '', seconds = '', directory = '', most = 'Infinity'] =
  process.argv.slice(2);
const target = targets[name];
if (!target)
  throw new Error(`there is no target '${name}'; there are ${Object.keys(targets).join(', ')}`);
const room = join(directory, 'input');
/** Puts the input back as it was given. */
let restore = (): void => undefined;
const seedFiles = await seedsOf(target);
const isReplay = what === '--replay';
const inputs = isReplay ? [readFileSync(seconds)] : generated(target, Number(what));
// Loads what reading needs, which is no input's time.
for (const seed of seedFiles.slice(0, 1)) await readInput(target, seed);
const endMs = performance.now() + (isReplay ? Infinity : Number(seconds) * 1000);
let count = 0;
for (const input of inputs) {
  if (performance.now() > endMs || count >= Number(most)) break;
  await tryInput(target, input);
  count += 1;
}
process.stdout.write(`${count}\n`);
process.exit(0);

function* generated(of: FuzzTarget, seed: number): Generator<Uint8Array> {
  yield* seedFiles;
  for (const recipe of recipes(seed)) yield inputOf(recipe, seedFiles, of);
}

/**
 * What took too long is read again before that is called a fault: the first time may have loaded
 * modules, or a busy machine.
 */
async function tryInput(of: FuzzTarget, input: Uint8Array): Promise<void> {
  let cpuMs = await readInput(of, input);
  if (cpuMs > LONGEST_CPU_MS) cpuMs = await readInput(of, input);
  if (cpuMs > LONGEST_CPU_MS) fail(`${cpuMs / 1000} s of processor time`);
  checkMemory();
}

/** Gives the processor time that it took. */
async function readInput(of: FuzzTarget, input: Uint8Array): Promise<number> {
  const path = join(room, of.fileName);
  const write = (): void => {
    rmSync(room, { recursive: true, force: true });
    mkdirSync(room);
    writeFileSync(path, input);
  };
  write();
  // What reads may also mend, and then something else lies there.
  restore = write;
  return cpuMsOf(() => of.read(path));
}

async function cpuMsOf(read: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  try {
    await read();
  } catch (error) {
    if (!isHoldfastError(error)) fail(`an error that is not typed: ${stackOf(error)}`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function checkMemory(): void {
  if (process.memoryUsage.rss() > COLLECT_AT_BYTES) globalThis.gc?.();
  const { maxRSS } = process.resourceUsage();
  if (maxRSS * 1024 > MOST_RSS_BYTES) fail(`${Math.round(maxRSS / 1000)} MB of memory`);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function fail(why: string): never {
  restore();
  process.stderr.write(`FAULT ${why}\n`);
  process.exit(1);
}

async function seedsOf(of: FuzzTarget): Promise<readonly Uint8Array[]> {
  const seeds = join(directory, 'seeds');
  mkdirSync(seeds, { recursive: true });
  return of.seeds(seeds);
}
