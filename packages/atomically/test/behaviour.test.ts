/**
 * What atomically documents and does, of the peer and of the drop-in; and where the two differ.
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
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { dropIn, everywhere, onlyDropIn, peer } from './forms.js';

const onPosix = process.platform !== 'win32';
const atOnce = { timeout: 0 };

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

everywhere('a file is made and replaced, and nothing lies beside it', async (write, at) => {
  await write(`${at}/a`, 'first');
  await write(`${at}/a`, Buffer.from('second'));
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'second');
  await write(`${at}/b`, undefined);
  assert.equal(readFileSync(`${at}/b`, 'utf8'), '');
  assert.deepEqual(readdirSync(at), ['a', 'b']);
});

everywhere('missing folders are made', async (write, at) => {
  await write(`${at}/a/b/c`, 'deep');
  assert.equal(readFileSync(`${at}/a/b/c`, 'utf8'), 'deep');
});

everywhere('strings have an encoding, which bytes do not heed', async (write, at) => {
  await write(`${at}/a`, 'c3a4', 'hex');
  await write(`${at}/b`, 'c3a4', { encoding: 'hex' });
  await write(`${at}/c`, Buffer.from('c3a4'), 'hex');
  await write(`${at}/d`, 'ä', { encoding: null });
  const texts = ['a', 'b', 'c', 'd'].map((name) => readFileSync(`${at}/${name}`, 'utf8'));
  assert.deepEqual(texts, ['ä', 'ä', 'c3a4', 'ä']);
});

everywhere('a file that is not to be synced is written all the same', async (write, at) => {
  await write(`${at}/a`, 'x', { fsync: false });
  await write(`${at}/b`, 'y', { fsyncWait: false });
  assert.equal(readFileSync(`${at}/a`, 'utf8') + readFileSync(`${at}/b`, 'utf8'), 'xy');
});

everywhere('the temporary file is told while it is there', async (write, at) => {
  const told: string[] = [];
  const tmpCreated = (path: string): void => {
    assert.ok(existsSync(path) && !existsSync(`${at}/a`));
    told.push(path);
  };
  await write(`${at}/a`, 'x', { tmpCreated });
  assert.equal(told.length, 1);
  assert.ok(told[0]?.startsWith(`${at}/`) && !existsSync(told[0]));
});

everywhere('what is told of it and throws fails the write', async (write, at) => {
  writeFileSync(`${at}/a`, 'old');
  const own = new Error('not so');
  const tmpCreated = (): void => {
    throw own;
  };
  await assert.rejects(write(`${at}/a`, 'x', { tmpCreated }), own);
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'old');
});

everywhere('errors have the code of the system call', async (write, at) => {
  mkdirSync(`${at}/directory`);
  writeFileSync(`${at}/file`, '');
  await assert.rejects(write(`${at}/directory`, 'x', atOnce), { code: /^E(ISDIR|PERM|EXIST)$/ });
  await assert.rejects(write(`${at}/file/a`, 'x', atOnce), { code: /^E(NOTDIR|EXIST|NOENT)$/ });
  // The peer's synchronous form removes its temporary file in the background.
  while (readdirSync(at).length > 2) await setImmediate();
  assert.deepEqual(readdirSync(at), ['directory', 'file']);
});

if (onPosix) {
  everywhere('the mode of an existing file stays, or the one that is given', async (write, at) => {
    writeFileSync(`${at}/a`, 'old', { mode: 0o640 });
    await write(`${at}/a`, 'new');
    assert.equal(modeOf(`${at}/a`), 0o640);
    await write(`${at}/a`, 'new', { mode: 0o600 });
    assert.equal(modeOf(`${at}/a`), 0o600);
    await write(`${at}/a`, 'new', { mode: '644' });
    assert.equal(modeOf(`${at}/a`), 0o644);
    for (const mode of [false, null, 0]) {
      await write(`${at}/a`, 'new', { mode: 0o600 });
      await write(`${at}/a`, 'new', { mode });
      assert.equal(modeOf(`${at}/a`), 0o666 & ~process.umask(), String(mode));
    }
  });

  everywhere('the mode of a new file is less the umask', async (write, at) => {
    await write(`${at}/a`, 'new', { mode: 0o666 });
    assert.equal(modeOf(`${at}/a`), 0o666 & ~process.umask());
  });

  everywhere('a symlink stays, and what it leads to is replaced', async (write, at) => {
    writeFileSync(`${at}/target`, 'old');
    symlinkSync('target', `${at}/link`);
    await write(`${at}/link`, 'new');
    assert.ok(lstatSync(`${at}/link`).isSymbolicLink());
    assert.equal(readFileSync(`${at}/target`, 'utf8'), 'new');
  });
}

for (const [name, calls] of Object.entries({ peer, dropIn })) {
  test(`${name}: a file is read, as bytes or as text`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    writeFileSync(path, 'ä');
    assert.deepEqual(await calls.readFile(path), Buffer.from('ä'));
    assert.equal(await calls.readFile(path, 'utf8'), 'ä');
    assert.equal(await calls.readFile(path, { encoding: 'hex' }), 'c3a4');
    assert.deepEqual(calls.readFileSync(path), Buffer.from('ä'));
    assert.equal(calls.readFileSync(path, 'utf8'), 'ä');
    await assert.rejects(calls.readFile(`${path}/none`), { code: /^ENO(TDIR|ENT)$/ });
    assert.throws(() => calls.readFileSync(`${path}-none`), { code: 'ENOENT' });
  });

  test(`${name}: a stream is written whole`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    await calls.writeFile(path, Readable.from([Buffer.from('in '), Buffer.from('pieces')]));
    assert.equal(readFileSync(path, 'utf8'), 'in pieces');
  });

  test(`${name}: calls on one file are made in order`, async (t) => {
    const at = temporaryDirectory(t);
    await Promise.all(Array.from({ length: 20 }, (_, n) => calls.writeFile(`${at}/a`, String(n))));
    assert.equal(readFileSync(`${at}/a`, 'utf8'), '19');
  });

  test(`${name}: a write waits for its schedule, and tells when it has ended`, async (t) => {
    const at = temporaryDirectory(t);
    const seen: string[] = [];
    const schedule = async (path: string): Promise<() => void> => {
      seen.push(path, String(existsSync(path)));
      return () => seen.push(String(existsSync(path)));
    };
    await calls.writeFile(`${at}/a`, 'x', { schedule });
    assert.deepEqual(seen, [`${at}/a`, 'false', 'true']);
    const failing = calls.writeFile(at, 'x', { schedule, timeout: 0 });
    await assert.rejects(failing);
    assert.equal(seen.length, 6);
  });
}

/** The peer waits for a while, that a refusal may pass, which on POSIX it does not. */
onlyDropIn('an error says what is on disk', async (write, at) => {
  await assert.rejects(write(at, 'x'), (error: NodeJS.ErrnoException) => {
    const { cause } = error;
    assert.equal((cause as { readonly outcome?: unknown }).outcome, 'unchanged');
    return true;
  });
});

/** The peer gives it that of a new file, which others may read: conf asks for 0o666 always. */
onlyDropIn(
  'a private file stays so when nothing else than 0o666 is asked for',
  async (write, at) => {
    if (!onPosix) return;
    writeFileSync(`${at}/a`, 'old', { mode: 0o600 });
    await write(`${at}/a`, 'new', { mode: 0o666 });
    assert.equal(modeOf(`${at}/a`), 0o600);
  },
);

/** The peer writes another file, whose name is shorter, and reports success. */
onlyDropIn('a name that is too long is an error', async (write, at) => {
  await assert.rejects(write(`${at}/${'n'.repeat(300)}`, 'x', atOnce), { code: 'ENAMETOOLONG' });
  assert.deepEqual(readdirSync(at), []);
});

/** The peer puts a file in the place of the symlink. */
onlyDropIn('what a dangling symlink leads to is made', async (write, at) => {
  if (!onPosix) return;
  symlinkSync('target', `${at}/link`);
  await write(`${at}/link`, 'new');
  assert.ok(lstatSync(`${at}/link`).isSymbolicLink());
  assert.equal(readFileSync(`${at}/target`, 'utf8'), 'new');
});

/** The peer publishes what the stream has given, and waits for ever. */
test('dropIn: a stream that fails leaves the old file', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'old');
  const failing = new Readable({
    read() {
      this.destroy(new Error('the rest is missing'));
    },
  });
  await assert.rejects(dropIn.writeFile(path, failing));
  assert.equal(readFileSync(path, 'utf8'), 'old');
});

/** What a program in CommonJS gets, as of atomically 1. */
test('dropIn: require gives the functions', (t) => {
  const at = temporaryDirectory(t);
  const program = `
    const { writeFile, writeFileSync } = require('@holdfast/atomically');
    writeFileSync(process.argv[1] + '/a', 'sync');
    writeFile(process.argv[1] + '/b', 'async', (error) => { if (error) throw error; console.log('done') });`;
  const { stdout } = spawnSync(process.execPath, ['--eval', program, at], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.equal(stdout, 'done\n');
  assert.equal(readFileSync(`${at}/a`, 'utf8') + readFileSync(`${at}/b`, 'utf8'), 'syncasync');
});
