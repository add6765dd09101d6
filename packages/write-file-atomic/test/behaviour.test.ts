/**
 * What write-file-atomic documents and does, of the peer and of the drop-in; and where the two
 * differ.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { dropIn, everywhere, onlyDropIn, peer } from './forms.js';

const onPosix = process.platform !== 'win32';

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

everywhere('a file is made and replaced, and nothing lies beside it', async (write, at) => {
  await write(`${at}/a`, 'first');
  await write(`${at}/a`, Buffer.from('second'));
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'second');
  assert.deepEqual(readdirSync(at), ['a']);
});

everywhere('strings have an encoding, which bytes do not heed', async (write, at) => {
  await write(`${at}/a`, 'c3a4', 'hex');
  await write(`${at}/b`, 'c3a4', { encoding: 'hex' });
  await write(`${at}/c`, Buffer.from('c3a4'), 'hex');
  await write(`${at}/d`, 'ä', { encoding: null });
  const texts = ['a', 'b', 'c', 'd'].map((name) => readFileSync(`${at}/${name}`, 'utf8'));
  assert.deepEqual(texts, ['ä', 'ä', 'c3a4', 'ä']);
});

everywhere('nothing is an empty file, and a number its text', async (write, at) => {
  await write(`${at}/a`, null);
  await write(`${at}/b`, undefined);
  await write(`${at}/c`, 42);
  const texts = ['a', 'b', 'c'].map((name) => readFileSync(`${at}/${name}`, 'utf8'));
  assert.deepEqual(texts, ['', '', '42']);
});

everywhere('unknown options and those that say nothing are ignored', async (write, at) => {
  await write(`${at}/a`, 'x', { Promise, flag: 'w', mode: undefined, chown: null });
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'x');
});

everywhere('a file that is not to be synced is written all the same', async (write, at) => {
  await write(`${at}/a`, 'x', { fsync: false });
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'x');
});

everywhere('the temporary file is told while it is there', async (write, at) => {
  const told: string[] = [];
  const tmpfileCreated = (path: string): void => {
    assert.ok(existsSync(path) && !existsSync(`${at}/a`));
    told.push(path);
  };
  await write(`${at}/a`, 'x', { tmpfileCreated });
  assert.equal(told.length, 1);
  assert.ok(told[0]?.startsWith(`${at}/`) && !existsSync(told[0]));
});

everywhere('what is told of it and throws fails the write', async (write, at) => {
  writeFileSync(`${at}/a`, 'old');
  const own = new Error('not so');
  const tmpfileCreated = (): void => {
    throw own;
  };
  await assert.rejects(write(`${at}/a`, 'x', { tmpfileCreated }), own);
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(at), ['a']);
});

everywhere('errors have the code of the system call', async (write, at) => {
  mkdirSync(`${at}/directory`);
  await assert.rejects(write(`${at}/none/a`, 'x'), { code: 'ENOENT' });
  await assert.rejects(write(`${at}/directory`, 'x'), { code: /^E(ISDIR|PERM|EXIST)$/ });
  assert.deepEqual(readdirSync(at), ['directory']);
});

if (onPosix) {
  everywhere('the mode of an existing file stays, or the one that is given', async (write, at) => {
    writeFileSync(`${at}/a`, 'old', { mode: 0o640 });
    await write(`${at}/a`, 'new');
    assert.equal(modeOf(`${at}/a`), 0o640);
    await write(`${at}/a`, 'new', { mode: 0o600 });
    assert.equal(modeOf(`${at}/a`), 0o600);
    // As stat(2) gives it, with the kind of file.
    await write(`${at}/a`, 'new', { mode: 0o100644 });
    assert.equal(modeOf(`${at}/a`), 0o644);
  });

  everywhere('a symlink stays, and what it leads to is replaced', async (write, at) => {
    writeFileSync(`${at}/target`, 'old');
    symlinkSync('target', `${at}/link`);
    await write(`${at}/link`, 'new');
    assert.ok(lstatSync(`${at}/link`).isSymbolicLink());
    assert.equal(readFileSync(`${at}/target`, 'utf8'), 'new');
  });

  everywhere('an owner needs both numbers', async (write, at) => {
    const half = write(`${at}/a`, 'x', { chown: { uid: 1 } });
    await assert.rejects(half, { code: 'ERR_INVALID_ARG_TYPE' });
    assert.deepEqual(readdirSync(at), []);
  });
}

for (const [name, write] of Object.entries({ peer, dropIn })) {
  test(`${name}: calls on one file are made in order, also after one that failed`, async (t) => {
    const at = temporaryDirectory(t);
    const failing = write(`${at}/a`, 'x', { chown: { uid: 1 } as never });
    const all = Array.from({ length: 20 }, (_, n) => write(`${at}/a`, String(n)));
    await assert.rejects(failing);
    await Promise.all(all);
    assert.equal(readFileSync(`${at}/a`, 'utf8'), '19');
  });

  test(`${name}: what a callback throws is the promise's error`, async (t) => {
    const own = new Error('of the callback');
    const called = (): void => {
      throw own;
    };
    await assert.rejects(write(`${temporaryDirectory(t)}/a`, 'x', called), own);
  });
}

onlyDropIn('an error says what is on disk', async (write, at) => {
  await assert.rejects(write(`${at}/none/a`, 'x'), (error: NodeJS.ErrnoException) => {
    const { code, errno, cause } = error;
    assert.equal(code, 'ENOENT');
    assert.ok(errno !== undefined && errno < 0);
    assert.equal((cause as { readonly outcome?: unknown }).outcome, 'unchanged');
    return true;
  });
});

/** The peer writes as many bytes as such an array has elements. */
onlyDropIn('an array of larger elements is written whole', async (write, at) => {
  await write(`${at}/a`, Uint16Array.of(1, 2));
  assert.equal(statSync(`${at}/a`).size, 4);
});

/** The peer writes the text of the object. */
test('dropIn: a stream is written whole', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  await dropIn(path, Readable.from([Buffer.from('in '), Buffer.from('pieces')]));
  assert.equal(readFileSync(path, 'utf8'), 'in pieces');
});

/**
 * The peer gives them the mode of the existing file in one form, and that of a new one in another.
 */
onlyDropIn('a mode of false is that of a new file', async (write, at) => {
  if (!onPosix) return;
  writeFileSync(`${at}/a`, 'old', { mode: 0o600 });
  await write(`${at}/a`, 'new', { mode: false });
  assert.equal(modeOf(`${at}/a`), 0o666 & ~process.umask());
});

/** The peer puts a file in the place of the symlink. */
onlyDropIn('what a dangling symlink leads to is made', async (write, at) => {
  if (!onPosix) return;
  symlinkSync('target', `${at}/link`);
  await write(`${at}/link`, 'new');
  assert.ok(lstatSync(`${at}/link`).isSymbolicLink());
  assert.equal(readFileSync(`${at}/target`, 'utf8'), 'new');
});

/** The peer changes them. */
onlyDropIn('the options of the caller stay as they are', async (write, at) => {
  writeFileSync(`${at}/a`, 'old');
  await write(`${at}/a`, 'new', Object.freeze({ fsync: false }));
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'new');
});

/** What a program in CommonJS gets. */
test('dropIn: require gives the function itself', (t) => {
  const at = temporaryDirectory(t);
  const program = `
    const write = require('@holdfast/write-file-atomic');
    write.sync(process.argv[1] + '/a', 'sync');
    write(process.argv[1] + '/b', 'async', (error) => { if (error) throw error; console.log('done') });`;
  const { stdout } = spawnSync(process.execPath, ['--eval', program, at], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.equal(stdout, 'done\n');
  assert.equal(readFileSync(`${at}/a`, 'utf8') + readFileSync(`${at}/b`, 'utf8'), 'syncasync');
});
