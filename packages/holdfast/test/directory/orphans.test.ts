import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError, listOrphans, publishDirectory, sweepOrphans } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { observeFs, wasKilled } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { oldTreeName } from '#src/stage/staged-directory.js';

/** Runs a process that publishes `root/out` and is killed while it fills the stage. */
function killWhileFilling(root: string, options = ''): void {
  const script = `
    import { publishDirectory } from 'holdfast';
    await publishDirectory(${JSON.stringify(`${root}/out`)}, async (stage) => {
      await stage.write('deep/file', 'half');
      process.kill(process.pid, 'SIGKILL');
    }, {${options}});`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.ok(wasKilled(ended), ended.stderr);
}

test('what a killed publisher left is listed, and swept by the next publish of its target', async (t) => {
  const root = temporaryDirectory(t);
  killWhileFilling(root);
  const orphans = await listOrphans(root);
  assert.deepEqual(
    orphans.map(({ kind, owner }) => [kind, owner]),
    [['stagedDirectory', 'dead']],
  );
  await publishDirectory(`${root}/other`, () => undefined);
  assert.equal((await listOrphans(root)).length, 1, "another target's orphans are left alone");
  await publishDirectory(`${root}/out`, () => undefined);
  assert.deepEqual(readdirSync(root), ['other', 'out']);
});

test('what is left of a target whose name holds a line break is an orphan like any other', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/.a\nb.staging-${'0'.repeat(20)}`);
  assert.equal((await listOrphans(root)).length, 1);
  await sweepOrphans(root);
  assert.deepEqual(readdirSync(root), []);
});

test('what a living process stages is neither listed nor swept', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, async (stage) => {
    await stage.write('a', '1');
    assert.deepEqual(await listOrphans(root), []);
    assert.deepEqual(await sweepOrphans(root), []);
    // A publish of the same target sweeps its orphans, and leaves the living.
    await publishDirectory(`${root}/out`, () => undefined);
  });
  assert.deepEqual(readdirSync(`${root}/out`), ['a']);
});

test('orphans are swept below a directory too, and nothing else is', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/a/b`, { recursive: true });
  killWhileFilling(`${root}/a/b`);
  mkdirSync(`${root}/.out.staging-notours`);
  mkdirSync(`${root}/.git`);
  assert.deepEqual(await sweepOrphans(root), []);
  const swept = await sweepOrphans(root, { recursive: true });
  assert.deepEqual(
    swept.map(({ action }) => action),
    ['removed'],
  );
  assert.deepEqual(readdirSync(`${root}/a/b`), []);
  assert.deepEqual(readdirSync(root), ['.git', '.out.staging-notours', 'a']);
});

test('a directory that is removed while those above it are looked through keeps nothing from being found', async (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['a', 'b', 'c']) mkdirSync(`${root}/${name}`);
  killWhileFilling(`${root}/c`);
  const fs: Fs = {
    ...nodeFileSystem,
    lstat: (path) => {
      if (basename(path) === 'b') rmdirSync(`${root}/b`);
      return nodeFileSystem.lstat(path);
    },
  };
  assert.equal((await listOrphans(root, { recursive: true, fs })).length, 1);
  assert.ok(!existsSync(`${root}/b`));
  await assert.rejects(listOrphans(`${root}/b`, { recursive: true }), (error: unknown) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
});

test('a salvaged orphan is moved whole, and is no orphan any more', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/saved`);
  killWhileFilling(root);
  const [swept] = await sweepOrphans(root, { salvageTo: `${root}/saved` });
  assert.equal(swept?.action, 'salvaged');
  assert.equal(readFileSync(`${swept?.movedTo}/deep/file`, 'utf8'), 'half');
  assert.deepEqual(await listOrphans(root, { recursive: true }), []);
});

for (const fate of ['aside', 'keep'] as const) {
  test(`a stage that had not yet replaced anything (${fate}) does not become the target, nor a tree to be kept`, async (t) => {
    const root = temporaryDirectory(t);
    mkdirSync(`${root}/old`);
    const { ino } = statSync(`${root}/old`, { bigint: true });
    const stage = `${root}/${oldTreeName('out', ino, fate)}`;
    mkdirSync(stage);
    writeFileSync(`${stage}/a`, 'half');
    const swept = await sweepOrphans(root);
    assert.deepEqual(
      swept.map(({ action }) => action),
      ['removed'],
    );
    assert.deepEqual(readdirSync(root), ['old']);
  });
}

test('a tree that a dead publisher was to keep has its number durably when the sweep ends', async (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['out', 'old']) mkdirSync(`${root}/${name}`);
  const { ino } = statSync(`${root}/old`, { bigint: true });
  renameSync(`${root}/old`, `${root}/${oldTreeName('out', ino, 'keep')}`);
  const steps: string[] = [];
  const fs = observeFs(nodeFileSystem, {
    before: ({ call, path, to = path }) => void steps.push(`${call} ${to.slice(root.length)}`),
  });
  const swept = await sweepOrphans(root, { fs });
  assert.equal(swept[0]?.action, 'kept');
  assert.deepEqual(steps, ['sync ', 'rename /out.previous-1', 'sync ']);
});

test('orphans are salvaged into a directory only', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(`${root}/file`, '');
  await assert.rejects(sweepOrphans(root, { salvageTo: `${root}/file` }), (error) =>
    isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
});

test('what was kept to be resumed is swept only when that is asked for', async (t) => {
  const root = temporaryDirectory(t);
  killWhileFilling(root, 'resume: true');
  assert.deepEqual(
    (await listOrphans(root)).map(({ kind }) => kind),
    ['resumableStage'],
  );
  await publishDirectory(`${root}/out`, () => undefined);
  assert.deepEqual(await sweepOrphans(root), []);
  assert.equal((await sweepOrphans(root, { resumable: true })).length, 1);
  assert.deepEqual(readdirSync(root), ['out']);
});

test('nothing is swept where other machines may own it', async (t) => {
  const root = temporaryDirectory(t);
  killWhileFilling(root);
  const nfs = { ...observeFs(nodeFileSystem, {}) };
  const fs = {
    ...nfs,
    statFilesystem: async (path: string) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      type: 0x6969,
    }),
  };
  assert.deepEqual(
    (await sweepOrphans(root, { fs })).map(({ owner, action }) => [owner, action]),
    [['unknown', 'left']],
  );
  await publishDirectory(`${root}/out`, () => undefined, { fs });
  assert.equal((await listOrphans(root)).length, 1);
});

test('where other machines may own it, a stage that has not replaced a tree yet is not taken for one that has', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/other`);
  const { ino } = statSync(`${root}/other`, { bigint: true });
  const stage = oldTreeName('out', ino, 'aside');
  mkdirSync(`${root}/${stage}`);
  writeFileSync(`${root}/${stage}/a`, 'half');
  const fs: Fs = {
    ...nodeFileSystem,
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      type: 0x6969,
    }),
  };
  for (let round = 0; round < 2; round += 1) {
    await publishDirectory(`${root}/out`, () => undefined, { fs, ifExists: 'replace' });
    assert.deepEqual(readdirSync(`${root}/${stage}`), ['a']);
  }
});

test('an orphan loses its first file only after the names in its directory are durable', async (t) => {
  const root = temporaryDirectory(t);
  killWhileFilling(root);
  const calls: string[] = [];
  const fs = observeFs(nodeFileSystem, {
    before: ({ call, path }) => void calls.push(`${call} ${path.slice(root.length)}`),
  });
  await sweepOrphans(root, { fs });
  assert.equal(calls[0], 'sync ');
  assert.match(calls[1] ?? '', /^unlink .*deep\/file$/u);
});

test('an orphan that may not be written is removed all the same', async (t) => {
  const root = temporaryDirectory(t);
  killWhileFilling(root);
  const [orphan] = await listOrphans(root);
  mkdirSync(`${orphan?.path}/read-only`);
  writeFileSync(`${orphan?.path}/read-only/file`, '');
  const directory = await nodeFileSystem.openDirectory(`${orphan?.path}/read-only`);
  await directory.chmod(0o555);
  await directory.close();
  await sweepOrphans(root);
  assert.deepEqual(readdirSync(root), []);
});
