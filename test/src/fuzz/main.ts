/**
 * Gives readers files that lie, for a while: each target in a process of its own, two at a time.
 * What may happen is a HoldfastError, or nothing; see child.ts for what may not.
 *
 *   node main.js [--seconds N] [--seed N] [--keep DIRECTORY] [TARGET...]
 *   node main.js --replay TARGET FILE
 *
 * On a fault it prints the seed, and where it has kept the input. Inputs follow from the seed; how
 * many of them are tried depends on the time. Exits with 1 on any fault.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { targets } from './targets/index.js';

const AT_ONCE = 2;
/** An input that has been read for so long is never done. */
const HANGING_MS = 180_000;
const LOOK_EVERY_MS = 2000;
const DEFAULT_SEED = 20_260_101;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(DEFAULT_SEED) },
    keep: { type: 'string', default: join(tmpdir(), 'holdfast-fuzz') },
    replay: { type: 'boolean', default: false },
  },
});

interface Outcome {
  readonly target: string;
  /** What went wrong, if anything did. */
  readonly fault: string | undefined;
  readonly inputs: number;
}

const outcomes = values.replay ? [await replay()] : await fuzzAll();
for (const { target, fault, inputs } of outcomes)
  console.log(`${fault === undefined ? 'ok' : 'FAULT'} ${target}: ${fault ?? `${inputs} inputs`}`);
const faults = outcomes.filter(({ fault }) => fault !== undefined).length;
console.log(`# pass ${outcomes.length - faults}\n# fail ${faults}`);
process.exitCode = faults > 0 ? 1 : 0;

async function replay(): Promise<Outcome> {
  const [target = '', file = ''] = positionals;
  return runChild(target, ['--replay', file]);
}

async function fuzzAll(): Promise<readonly Outcome[]> {
  const todo = (positionals.length > 0 ? positionals : Object.keys(targets)).values();
  const done: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (const target of todo) done.push(await runChild(target, [values.seed, values.seconds]));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return done;
}

async function runChild(target: string, what: readonly string[]): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-fuzz-'));
  const input = join(directory, 'input', targets[target]?.fileName ?? '');
  const script = fileURLToPath(new URL('child.js', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', script, target, ...what, directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [printed, said] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-4000)));
  let hangs = false;
  const watch = setInterval(() => {
    if (ageMs(input) < HANGING_MS) return;
    hangs = true;
    child.kill('SIGKILL');
  }, LOOK_EVERY_MS);
  const ended = await new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? String(code)));
  });
  clearInterval(watch);
  const fault =
    ended === '0'
      ? undefined
      : faultOf(target, input, hangs ? 'never done' : `ended with ${ended}`, said);
  rmSync(directory, { recursive: true, force: true });
  return { target, fault, inputs: Number(printed.trim()) };
}

/** How long an input has been there. */
function ageMs(input: string): number {
  try {
    return Date.now() - statSync(input).mtimeMs;
  } catch {
    return 0;
  }
}

function faultOf(target: string, input: string, how: string, said: string): string {
  mkdirSync(values.keep, { recursive: true });
  const number = readdirSync(values.keep).length;
  const kept = join(values.keep, `${target}-${values.seed}-${number}`);
  try {
    copyFileSync(input, kept);
  } catch {
    return `${how} before its first input\n${said}`;
  }
  return `${how}, seed ${values.seed}, input ${kept}\n${said}`;
}
