/**
 * An overwrite in place where a file cannot be replaced: it is a mount point, it has hard links,
 * its directory is not this user's. On each filesystem a process dies at each of its writes to the
 * file; then another one reads, and finishes.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { test, type TestContext } from 'node:test';
import { mountFilesystem, startScript } from '@holdfast/tools/testing';

const NOBODY = 65534;
const OLD = JSON.stringify('o'.repeat(200_000));
const NEW = JSON.stringify('n'.repeat(150_000));

const dying = `
  import { updateJson } from 'holdfast';
  import { nodeFileSystem } from 'holdfast/os';
  const [, path, dieAt] = process.argv;
  let left = Number(dieAt);
  const dies = new Set(['write', 'truncate', 'sync']);
  const fs = {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      if (!file.path.endsWith('/doc.json')) return file;
      return new Proxy(file, {
        get(inner, name) {
          const member = Reflect.get(inner, name);
          if (typeof member !== 'function') return member;
          return (...given) => {
            if (dies.has(name) && left-- === 0) process.kill(process.pid, 'SIGKILL');
            return member.apply(inner, given);
          };
        },
      });
    },
  };
  await updateJson(path, () => 'n'.repeat(150_000), { inPlace: 'ifNeeded', fs }).then(
    () => console.log('done'),
    ({ message }) => console.log(message),
  );`;

const reading = `
  import { readJson, updateFile } from 'holdfast';
  const [, path] = process.argv;
  console.log(JSON.stringify(await readJson(path)));
  await updateFile(path, () => undefined, { inPlace: 'ifNeeded' });
  console.log('finished');`;

interface Place {
  readonly path: string;
  /** Another path to the same file, as the processes that follow find it. */
  readonly other: string;
  readonly as: readonly string[];
  readonly undo: () => void;
}

const filesystems: Readonly<Record<string, (t: TestContext) => string>> = {
  ext4: (t) => mountFilesystem(t, 'ext4'),
  xfs: (t) => mountFilesystem(t, 'xfs'),
  btrfs: (t) => mountFilesystem(t, 'btrfs'),
  overlay(t) {
    const below = mountFilesystem(t, 'ext4');
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(`${below}/${name}`);
    const layers = ['lower', 'upper', 'work'].map((name) => `${name}dir=${below}/${name}`);
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers.join(), `${below}/merged`]);
    return `${below}/merged`;
  },
};

const nothing = (): void => undefined;

const places: Readonly<Record<string, (base: string, as: readonly string[]) => Place>> = {
  'a mount point'(base, as) {
    for (const name of ['outside', 'app']) mkdirSync(`${base}/${name}`);
    const [path, other] = [`${base}/app/doc.json`, `${base}/app/doc.json`];
    for (const each of [`${base}/outside/config`, path]) writeFileSync(each, OLD);
    execFileSync('mount', ['--bind', `${base}/outside/config`, path]);
    return { path, other, as, undo: () => execFileSync('umount', ['--lazy', path]) };
  },
  'a file with hard links'(base, as) {
    const [path, other] = [`${base}/doc.json`, `${base}/elsewhere/name`];
    mkdirSync(`${base}/elsewhere`);
    writeFileSync(path, OLD);
    linkSync(path, other);
    return { path, other, as, undo: nothing };
  },
  'a directory of another user'(base, as) {
    const path = `${base}/doc.json`;
    writeFileSync(path, OLD);
    chownSync(path, NOBODY, NOBODY);
    const user = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...as];
    return { path, other: path, as: user, undo: nothing };
  },
};

/** At which of its steps on the file the process dies; by night at each. */
const steps = process.env['HOLDFAST_NIGHTLY'] ? [0, 1, 2, 3, 4, 5, 6, 7] : [1];

for (const [kind, mount] of Object.entries(filesystems)) {
  test(`${kind}: a file that cannot be replaced is overwritten whole, whenever the process dies`, async (t) => {
    const mounted = mount(t);
    // Every user may come to it.
    for (let each = mounted; each !== realpathSync(tmpdir()); each = dirname(each)) {
      chmodSync(each, 0o755);
    }
    const state = `${mounted}/home`;
    mkdirSync(state);
    chownSync(state, NOBODY, NOBODY);
    const as = ['env', `XDG_STATE_HOME=${state}`];
    for (const [what, make] of Object.entries(places)) {
      for (const step of steps) {
        const base = `${mounted}/${what.replaceAll(' ', '-')}-${step}`;
        mkdirSync(base);
        const place = make(base, as);
        try {
          await dieAndFollow(t, place, step, `${kind}, ${what}, dies at ${step}`);
        } finally {
          place.undo();
        }
      }
      if (what !== 'a mount point') execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, state]);
    }
    assert.ok(existsSync(`${state}/holdfast`));
    const left = readdirSync(`${state}/holdfast`).filter((name) => !name.endsWith('.lock'));
    assert.deepEqual(left, []);
  });
}

async function dieAndFollow(
  t: TestContext,
  { path, other, as }: Place,
  step: number,
  what: string,
): Promise<void> {
  const { ino } = statSync(path);
  const first = await startScript(t, dying, [path, String(step)], as).nextLine();
  assert.ok(first === undefined || (first === 'done' && step > 1), `${what}: ${first}`);
  const next = startScript(t, reading, [other], as);
  assert.equal(await next.nextLine(), NEW, what);
  assert.equal(await next.nextLine(), 'finished', what);
  for (const name of [path, other]) assert.equal(readFileSync(name, 'utf8'), NEW, what);
  assert.equal(statSync(path).ino, ino, what);
}
