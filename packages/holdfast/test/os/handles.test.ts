/** Names of ours and names of callers, opened: what is not ours is refused at once. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import {
  nodeFileSystem as fs,
  openGiven,
  openOwn,
  openOwnDirectory,
  openOwnIfThere,
  readAll,
  readFully,
  systemError,
  unlinkIfThere,
  writeAll,
  type Fs,
  type FsFile,
} from 'holdfast/os';
import { openResolved } from '#src/os/handles.js';

const onUnix = { skip: process.platform === 'win32' ? 'Windows has no FIFOs' : false };

const refused = (code: ErrorCode, words: RegExp) => (error: unknown) =>
  isHoldfastError(error, code) && error.outcome === 'unchanged' && words.test(error.message);

test('a symlink under a name of ours is not followed, wherever it leads', onUnix, async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/victim`, 'precious');
  const targets = { file: 'victim', nothing: 'made-by-mistake', device: '/dev/full' };
  for (const [name, target] of Object.entries(targets)) {
    symlinkSync(target, `${directory}/${name}`);
    for (const create of [undefined, 'ifMissing'] as const) {
      const flags = { access: 'readWrite', truncate: true, ...(create && { create }) } as const;
      await assert.rejects(
        openOwn(fs, `${directory}/${name}`, flags),
        refused('NAME_TAKEN', /a symlink has it/),
      );
    }
  }
  assert.equal(readFileSync(`${directory}/victim`, 'utf8'), 'precious');
  assert.equal(await fs.exists(`${directory}/made-by-mistake`), false);
});

test('a FIFO or directory under a name of ours is refused at once', onUnix, async (t) => {
  const directory = temporaryDirectory(t);
  execFileSync('mkfifo', [`${directory}/fifo`]);
  mkdirSync(`${directory}/directory`);
  for (const access of ['read', 'write', 'readWrite'] as const) {
    await assert.rejects(
      openOwn(fs, `${directory}/fifo`, { access }),
      refused('NAME_TAKEN', /a FIFO has it/),
    );
    await assert.rejects(
      openOwn(fs, `${directory}/directory`, { access }),
      refused('NAME_TAKEN', /a directory has it/),
    );
  }
  await assert.rejects(openOwnDirectory(fs, `${directory}/fifo`), refused('NAME_TAKEN', /FIFO/));
});

test('a directory of ours is not opened through a symlink', onUnix, async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/real`);
  symlinkSync('real', `${directory}/link`);
  const { handle, stat } = await openOwnDirectory(fs, `${directory}/real`);
  assert.equal(stat.kind, 'directory');
  await handle.close();
  await assert.rejects(
    openOwnDirectory(fs, `${directory}/link`),
    refused('NAME_TAKEN', /a symlink has it/),
  );
});

test('mode and number of links are judged by what was opened', onUnix, async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/journal`;
  writeFileSync(path, '', { mode: 0o600 });
  const demands = { mode: 0o600, oneLink: true };
  const { handle } = await openOwn(fs, path, { access: 'read' }, demands);
  await handle.close();
  chmodSync(path, 0o660);
  await assert.rejects(
    openOwn(fs, path, { access: 'read' }, demands),
    refused('NAME_TAKEN', /mode 0660, where 0600 is needed/),
  );
  chmodSync(path, 0o600);
  linkSync(path, `${directory}/second`);
  await assert.rejects(
    openOwn(fs, path, { access: 'read' }, demands),
    refused('NAME_TAKEN', /another name/),
  );
});

/** The same filesystem for a user, where every file that is opened belongs to another one. */
function asUser(uid: number, owner: number): Fs {
  return {
    ...fs,
    uid,
    async open(...args) {
      const file = await fs.open(...args);
      const stat = file.stat.bind(file);
      return Object.assign(file, { stat: async () => ({ ...(await stat()), uid: owner }) });
    },
  };
}

test('a file of another user is not ours, one of root is believed', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, '');
  const open = (uid: number, owner: number, demands = {}) =>
    openOwn(asUser(uid, owner), path, { access: 'read' }, demands);
  for (const owner of [1000, 0]) await (await open(1000, owner)).handle.close();
  const strangers = refused('NAME_TAKEN', /a file of another user \(1000\)/);
  await assert.rejects(open(1001, 1000), strangers);
  await assert.rejects(open(0, 1000), strangers, 'root believes nobody but root');
  await (await open(1001, 1000, { owner: 'anyone' })).handle.close();
});

test('what is not ours keeps its content when it was to be emptied', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, 'content');
  const flags = { access: 'readWrite', truncate: true } as const;
  await assert.rejects(openOwn(asUser(1, 2), path, flags), refused('NAME_TAKEN', /another user/));
  assert.equal(readFileSync(path, 'utf8'), 'content');
  const { handle, stat } = await openOwn(asUser(1, 1), path, flags);
  assert.equal(stat.sizeBytes, 0);
  assert.equal(readFileSync(path, 'utf8'), '');
  await handle.close();
});

test('a name that leads to nothing is told apart', async (t) => {
  const directory = temporaryDirectory(t);
  assert.equal(await openOwnIfThere(fs, `${directory}/none`, { access: 'read' }), undefined);
  await assert.rejects(openOwn(fs, `${directory}/none`, { access: 'read' }), { code: 'ENOENT' });
  assert.equal(await unlinkIfThere(fs, `${directory}/none`), false);
  writeFileSync(`${directory}/some`, '');
  assert.equal(await unlinkIfThere(fs, `${directory}/some`), true);
});

test('a path of a caller is followed, but no FIFO or device is read unasked', onUnix, async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/real`, 'text');
  symlinkSync('real', `${directory}/link`);
  const { handle, stat } = await openGiven(fs, `${directory}/link`);
  assert.equal((await readAll(handle, stat.sizeBytes)).toString(), 'text');
  await handle.close();
  execFileSync('mkfifo', [`${directory}/fifo`]);
  await assert.rejects(openGiven(fs, `${directory}/fifo`), refused('UNSUPPORTED_TARGET', /FIFO/));
  await assert.rejects(openGiven(fs, '/dev/null'), refused('UNSUPPORTED_TARGET', /device/));
  await assert.rejects(openGiven(fs, directory), refused('UNSUPPORTED_TARGET', /a directory/));
  await (await openGiven(fs, '/dev/null', ['characterDevice'])).handle.close();
});

test('of a circle of symlinks a caller is told', onUnix, async (t) => {
  const directory = temporaryDirectory(t);
  symlinkSync('b', `${directory}/a`);
  symlinkSync('a', `${directory}/b`);
  await assert.rejects(openGiven(fs, `${directory}/a`), { code: 'ELOOP' });
});

test(
  "a stranger's symlink where everybody may make names is not followed to be read",
  onUnix,
  async (t) => {
    const directory = temporaryDirectory(t);
    chmodSync(directory, 0o1777);
    writeFileSync(`${directory}/real`, 'text');
    symlinkSync('real', `${directory}/link`);
    const strangers: Fs = {
      ...fs,
      lstat: async (path) => ({ ...(await fs.lstat(path)), uid: 4242 }),
    };
    const refusal = refused('UNSUPPORTED_TARGET', /another user \(4242\)/);
    await assert.rejects(openGiven(strangers, `${directory}/link`), refusal);
    await (await openGiven(fs, `${directory}/link`)).handle.close();
  },
);

test(
  'what has taken the place of a resolved file is neither followed nor waited for',
  onUnix,
  async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(`${directory}/real`, 'text');
    symlinkSync('real', `${directory}/link`);
    execFileSync('mkfifo', [`${directory}/fifo`]);
    await assert.rejects(openResolved(fs, `${directory}/link`, { access: 'read' }), {
      code: 'ELOOP',
    });
    const fifo = openResolved(fs, `${directory}/fifo`, { access: 'read' });
    await assert.rejects(fifo, refused('UNSUPPORTED_TARGET', /a FIFO/));
  },
);

test('what another machine has replaced between name and descriptor is looked up anew', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/file`, 'text');
  let isKnown = false;
  const client: Fs = {
    ...fs,
    statFilesystem: async (path) => ({ ...(await fs.statFilesystem(path)), type: 0x6969 }),
    openDirectory(path, flags) {
      isKnown ||= path === directory;
      return fs.openDirectory(path, flags);
    },
    async open(path, flags) {
      const file = await fs.open(path, flags);
      const stale = (): Promise<never> => Promise.reject(systemError(116, 'fstat', path));
      return isKnown || path !== `${directory}/file` ? file : Object.assign(file, { stat: stale });
    },
  };
  await (await openGiven(client, `${directory}/file`)).handle.close();
});

test('a file is read to its end, whatever its size was said to be', async () => {
  const file = pieces(Buffer.alloc(5000, 'abcdefg'));
  for (const hint of [0, 10, 5000, 9000]) assert.equal((await readAll(file, hint)).length, 5000);
  const buffer = new Uint8Array(6000);
  assert.equal(await readFully(file, buffer, 100), 4900);
  assert.equal(Buffer.from(buffer.subarray(0, 7)).toString(), 'cdefgab');
});

test('a write that takes fewer bytes than given is a full disk', async () => {
  await assert.rejects(
    writeAll(pieces(Buffer.alloc(0)), new Uint8Array(10)),
    refused('NO_SPACE', /took 3 of 10 bytes/),
  );
});

/** A file that gives, and takes, a few bytes at a time. */
function pieces(content: Buffer): FsFile {
  return {
    path: '/pieces',
    async read(buffer: Uint8Array, offsetBytes: number) {
      return content.copy(buffer, 0, offsetBytes, offsetBytes + Math.min(buffer.length, 700));
    },
    async write(data: Uint8Array) {
      return Math.min(data.length, 3);
    },
  } as unknown as FsFile;
}
