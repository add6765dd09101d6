/**
 * A write that is killed anywhere and resumed ends in the bytes of one that was never disturbed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const program = fileURLToPath(new URL('./resumed-write.js', import.meta.url));
const KILLS = 20;
const SEED = 7;

function run(path: string, step: number, value = 1): { calls: number; resumed: number } | 'killed' {
  const ended = spawnSync(process.execPath, [program, path, String(step), String(value)]);
  if (ended.signal === 'SIGKILL') return 'killed';
  assert.equal(ended.status, 0, String(ended.stderr));
  return JSON.parse(String(ended.stdout)) as { calls: number; resumed: number };
}

/** Every file below a directory, but for the lock. */
function below(directory: string): Record<string, string> {
  const names = (readdirSync(directory, { recursive: true }) as string[]).filter(
    (name) => !name.endsWith('.lock') && statSync(join(directory, name)).isFile(),
  );
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(directory, name), 'latin1')]),
  );
}

/** Different steps from 1 to `count`, the same ones each time. */
function steps(count: number): number[] {
  let state = SEED;
  const chosen = new Set<number>();
  while (chosen.size < Math.min(KILLS, count)) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    chosen.add(1 + ((state >>> 8) % count));
  }
  return [...chosen];
}

test(`killed at ${KILLS} random calls (seed ${SEED}) and resumed, a write makes the bytes of an undisturbed one`, (t) => {
  const calm = temporaryDirectory(t);
  const undisturbed = run(join(calm, 'out.vrt'), 0);
  assert.notEqual(undisturbed, 'killed');
  const { calls } = undisturbed as { calls: number };
  let resumed = 0;
  for (const step of steps(calls)) {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'out.vrt');
    assert.equal(run(path, step), 'killed', `at call ${step} of ${calls}`);
    const again = run(path, 0) as { resumed: number };
    resumed += again.resumed;
    // Killed after its commit, it is replaced by the same: only the number of the tiles directory
    // differs then.
    const found = below(directory);
    const first = Object.keys(found).some((name) => name.startsWith('out_tiles/'));
    if (first) assert.deepEqual(found, below(calm), `killed at call ${step}`);
    else assert.deepEqual(unnumbered(found), unnumbered(below(calm)), `killed at call ${step}`);
    rmSync(directory, { recursive: true });
  }
  assert.ok(resumed > KILLS, `${resumed} tiles were resumed in all`);
});

test('killed again and again, each time a few calls later, a write comes to its end', (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  let taken: unknown = 'killed';
  let runs = 0;
  for (let step = 12; taken === 'killed'; step += 12, runs += 1) {
    assert.ok(runs < 40, 'it makes progress');
    taken = run(path, step);
  }
  const calm = temporaryDirectory(t);
  run(join(calm, 'out.vrt'), 0);
  assert.deepEqual(unnumbered(below(directory)), unnumbered(below(calm)));
});

/** The tiles by name, whichever directory they are in, and without what names it. */
function unnumbered(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files)
      .filter(([name]) => !/^out\.vrt|\/holdfast-index\.vrt$/u.test(name))
      .map(([name, bytes]) => [name.replace(/^out_tiles[^/]*/u, 'out_tiles'), bytes]),
  );
}
