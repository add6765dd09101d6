/**
 * Work against a real second process that exchanges a directory and a symlink to another one as
 * fast as it can. Both sides run freely: no one waits for a moment, the kernel decides which comes
 * first.
 */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { startScript } from './node-process.js';
import { runs } from './runs.js';
import { temporaryDirectory } from './temporary-directory.js';

/** What is raced. */
export interface Race {
  /** The name of the tree in which the work is done. */
  readonly treeName: string;
  /** The path in the tree of the directory that is exchanged; empty for the tree itself. */
  readonly exchanged: string;
  /** Makes a tree for a round, where the other process cannot reach it. */
  readonly layOut: (tree: string) => void;
  /** The files of the directory to which the symlink leads; directories are made for them. */
  readonly outside: readonly string[];
  /**
   * How often; HOLDFAST_RUNS times that. On a machine that has much else to do, where the other
   * process never got its turn, up to twenty times as often.
   */
  readonly rounds: number;
  /** What is done. It may fail. */
  readonly round: (tree: string, number: number) => Promise<unknown>;
}

/** Exchanges the two names over and over while the test lives, and says when it has begun. */
const exchanger = `
  import { nodeFileSystem as fs } from 'holdfast/os';
  const [, one, other] = process.argv;
  let done = 0;
  for (const parent = process.ppid; process.ppid === parent; ) {
    await fs.exchange(one, other).then(() => (done += 1), () => undefined);
    if (done === 1) { console.log('begun'); done = 2; }
  }`;

/** Runs the rounds. After each one, what lies outside is as it was. */
export async function raceExchanges(t: TestContext, race: Race): Promise<void> {
  // In memory, where the kernel makes most exchanges, and its lock on renames holds up nobody else.
  const base = temporaryDirectory(t, existsSync('/dev/shm') ? '/dev/shm' : undefined);
  const [outside, link] = [join(base, 'outside'), join(base, 'link')];
  const tree = join(base, 'here', race.treeName);
  for (const name of race.outside) {
    mkdirSync(dirname(join(outside, name)), { recursive: true });
    writeFileSync(join(outside, name), 'precious', { mode: 0o644 });
  }
  mkdirSync(dirname(tree));
  const layOut = (): void => {
    const [made, old] = [join(base, 'made'), join(base, 'old')];
    race.layOut(made);
    mkdirSync(old);
    for (const [index, path] of [tree, link].entries()) {
      if (existsSync(path) || isSymlink(path)) renameSync(path, join(old, String(index)));
    }
    rmSync(old, { recursive: true });
    symlinkSync(outside, link);
    renameSync(made, tree);
  };
  layOut();
  const names = namesBelow(outside);
  const other = startScript(t, exchanger, [join(tree, race.exchanged), link]);
  const least = race.rounds * runs;
  let exchanged = 0;
  let number = 0;
  try {
    assert.equal(await other.nextLine(), 'begun');
    for (; number < least || (exchanged === 0 && number < 20 * least); number += 1) {
      layOut();
      await race.round(tree, number).catch(() => undefined);
      if (!isSymlink(link)) exchanged += 1;
      refuseTouched(outside, names, race.outside, number);
    }
  } finally {
    // Before the directory is removed.
    await other.kill();
  }
  assert.ok(exchanged > 0, 'no round ever met an exchange');
  t.diagnostic(`${number} rounds, ${exchanged} ended with the symlink in the tree or gone with it`);
}

function namesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true }).map(String).toSorted();
}

function refuseTouched(
  outside: string,
  names: readonly string[],
  files: readonly string[],
  number: number,
): void {
  assert.deepEqual(namesBelow(outside), names, `round ${number}`);
  for (const name of files) {
    const path = join(outside, name);
    assert.equal(readFileSync(path, 'utf8'), 'precious', `${name} after round ${number}`);
    const { nlink, mode } = lstatSync(path);
    assert.deepEqual([nlink, mode & 0o777], [1, 0o644], `${name} after round ${number}`);
  }
}

function isSymlink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
