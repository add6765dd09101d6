import assert from 'node:assert/strict';
import {
  chmodSync,
  createReadStream,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  isHoldfastError,
  publishDirectory,
  replaceFile,
  transaction,
  type FileData,
} from 'holdfast';
import { errnoOf } from '#src/errors.js';
import { nodeFileSystem, systemError, type Fs, type FsFile } from 'holdfast/os';

const code = (name: Parameters<typeof isHoldfastError>[1]) => (error: unknown) =>
  isHoldfastError(error, name);
const permissions = (path: string): number => statSync(path).mode & 0o7777;

/**
 * The real filesystem, with some methods of the files that it creates exclusively (the stages)
 * replaced.
 */
function withStages(change: (file: FsFile) => void): Fs {
  return {
    ...nodeFileSystem,
    async open(path, flags, mode) {
      const file = await nodeFileSystem.open(path, flags, mode);
      if (flags.create === 'exclusive') change(file);
      return file;
    },
  };
}

test('every kind of data ends up in the file, exactly', async (t) => {
  const directory = temporaryDirectory(t);
  const bytes = Buffer.from('grün ☂');
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 3);
    yield bytes.subarray(3);
  }
  const kinds: Record<string, FileData> = {
    string: 'grün ☂',
    bytes: new Uint8Array(bytes),
    stream: stream(),
    iterable: [bytes.subarray(0, 3), bytes.subarray(3)],
    readable: Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]),
  };
  for (const [kind, data] of Object.entries(kinds)) {
    await replaceFile(`${directory}/${kind}`, data);
    assert.deepEqual(readFileSync(`${directory}/${kind}`), bytes, kind);
  }
  await replaceFile(`${directory}/string`, '');
  assert.equal(statSync(`${directory}/string`).size, 0);
  assert.deepEqual(readdirSync(directory).toSorted(), Object.keys(kinds).toSorted());
});

test('a shorter file replaces a longer one whole', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  await replaceFile(path, 'x'.repeat(100_000));
  await replaceFile(path, 'short');
  assert.equal(readFileSync(path, 'utf8'), 'short');
});

test('a file of many pieces is written whole', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const bytes = Buffer.alloc(20 * 1024 * 1024 + 7, 'holdfast');
  await replaceFile(path, bytes, { durability: 'atomic' });
  assert.ok(bytes.equals(readFileSync(path)));
});

test('the mode of the old file is kept, a new file gets 0666 less the umask, a named mode is exact', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/private`, '');
  chmodSync(`${directory}/private`, 0o600);
  writeFileSync(`${directory}/wide`, '');
  chmodSync(`${directory}/wide`, 0o666);
  const umask = process.umask(0o027);
  t.after(() => process.umask(umask));
  for (const name of ['private', 'wide', 'fresh']) await replaceFile(`${directory}/${name}`, 'new');
  await replaceFile(`${directory}/exact`, 'new', { mode: 0o664 });
  assert.equal(permissions(`${directory}/private`), 0o600);
  assert.equal(permissions(`${directory}/wide`), 0o666);
  assert.equal(permissions(`${directory}/fresh`), 0o640);
  assert.equal(permissions(`${directory}/exact`), 0o664);
});

test('a secret is readable by its owner alone from the first byte, whatever the old file was', async (t) => {
  const path = `${temporaryDirectory(t)}/token`;
  writeFileSync(path, 'old');
  chmodSync(path, 0o644);
  const modes: number[] = [];
  const fs = withStages((file) => {
    const write = file.write.bind(file);
    file.write = (data, offsetBytes) => {
      modes.push(permissions(file.path));
      return write(data, offsetBytes);
    };
  });
  await replaceFile(path, 'new', { secret: true, fs });
  assert.deepEqual(modes, [0o600]);
  assert.equal(permissions(path), 0o600);
  await assert.rejects(
    replaceFile(path, '', { secret: true, mode: 0o640 }),
    code('INVALID_ARGUMENT'),
  );
});

test('set-ID bits of the old file pass to the new content only when that is asked for', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  for (const [old, options, mode] of [
    [0o4755, {}, 0o755],
    [0o2755, {}, 0o755],
    [0o6711, {}, 0o711],
    [0o2644, {}, 0o2644],
    [0o6755, { setId: 'keep' }, 0o6755],
    [0o644, { mode: 0o4755 }, 0o4755],
  ] as const) {
    writeFileSync(path, 'old');
    chmodSync(path, old);
    await replaceFile(path, 'new', options);
    assert.equal(permissions(path), mode, old.toString(8));
  }
});

test('in place, set-ID bits go and a secret is not written to a file of another user', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const rename = async (): Promise<void> => {
    throw systemError(constants.errno.EBUSY, 'rename', path);
  };
  const inPlace = 'ifNeeded';
  writeFileSync(path, 'old');
  chmodSync(path, 0o4755);
  await replaceFile(path, 'new', { inPlace, fs: { ...nodeFileSystem, rename } });
  assert.equal(permissions(path), 0o755);
  const another = { ...nodeFileSystem, rename, uid: (process.geteuid?.() ?? 0) + 1 };
  await assert.rejects(
    replaceFile(path, 's3cret', { secret: true, inPlace, fs: another }),
    code('UNSUPPORTED_TARGET'),
  );
  assert.equal(readFileSync(path, 'utf8'), 'new');
  assert.equal(permissions(path), 0o755);
  await replaceFile(path, 's3cret', { secret: true, inPlace, fs: { ...nodeFileSystem, rename } });
  assert.equal(permissions(path), 0o600);
});

test('the stage is never wider than the old file, while it is being written', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'old');
  chmodSync(path, 0o640);
  const modes: number[] = [];
  const fs = withStages((file) => {
    const write = file.write.bind(file);
    file.write = (data, offsetBytes) => {
      modes.push(permissions(file.path));
      return write(data, offsetBytes);
    };
  });
  await replaceFile(path, 'new', { fs });
  assert.deepEqual(modes, [0o600]);
  assert.equal(permissions(path), 0o640);
});

test('symlinks are followed: relative, in a chain, out of another directory, and dangling', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/config`);
  symlinkSync('../store/real', `${directory}/config/relative`);
  symlinkSync('relative', `${directory}/config/chain`);
  mkdirSync(`${directory}/store`);
  await replaceFile(`${directory}/config/chain`, 'dangling');
  assert.equal(readFileSync(`${directory}/store/real`, 'utf8'), 'dangling');
  await replaceFile(`${directory}/config/chain`, 'again');
  assert.equal(readFileSync(`${directory}/store/real`, 'utf8'), 'again');
  assert.equal(readlinkSync(`${directory}/config/relative`), '../store/real');
  assert.equal(readlinkSync(`${directory}/config/chain`), 'relative');
  assert.deepEqual(readdirSync(`${directory}/config`), ['chain', 'relative']);
});

test('a symlink is refused on request, and a circle of them always', async (t) => {
  const directory = temporaryDirectory(t);
  symlinkSync('real', `${directory}/link`);
  symlinkSync('circle', `${directory}/circle`);
  await assert.rejects(
    replaceFile(`${directory}/link`, '', { symlinks: 'refuse' }),
    code('UNSUPPORTED_TARGET'),
  );
  await assert.rejects(replaceFile(`${directory}/circle`, ''), code('UNSUPPORTED_TARGET'));
});

test('a directory and a device are refused, a missing directory is named', async (t) => {
  const directory = temporaryDirectory(t);
  await assert.rejects(replaceFile(directory, ''), code('UNSUPPORTED_TARGET'));
  await assert.rejects(replaceFile(`${directory}/new/`, ''), code('UNSUPPORTED_TARGET'));
  await assert.rejects(replaceFile('/dev/null', ''), code('UNSUPPORTED_TARGET'));
  await assert.rejects(replaceFile(`${directory}/missing/a`, ''), code('NOT_FOUND'));
});

test('a name of 255 bytes works, one of 300 is an error and makes no other file', async (t) => {
  const directory = temporaryDirectory(t);
  const longest = 'ü'.repeat(127) + 'x';
  await replaceFile(`${directory}/${longest}`, 'new');
  await replaceFile(`${directory}/${longest}`, 'newer');
  await assert.rejects(
    replaceFile(`${directory}/${'x'.repeat(300)}`, ''),
    code('INVALID_ARGUMENT'),
  );
  assert.deepEqual(readdirSync(directory), [longest]);
});

test("ifExists 'fail' lets one of many win and leaves the winner's file", async (t) => {
  const directory = temporaryDirectory(t);
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, index) =>
      replaceFile(`${directory}/a`, `winner ${index}`, { ifExists: 'fail' }).then(() => index),
    ),
  );
  const winners = results.flatMap((result) =>
    result.status === 'fulfilled' ? [result.value] : [],
  );
  assert.equal(winners.length, 1);
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), `winner ${winners[0]}`);
  for (const result of results) {
    if (result.status === 'rejected') assert.ok(isHoldfastError(result.reason, 'ALREADY_EXISTS'));
  }
  assert.deepEqual(readdirSync(directory), ['a']);
});

test("ifExists 'fail' holds where the kernel cannot rename without replacing (NFS)", async (t) => {
  const directory = temporaryDirectory(t);
  const fs: Fs = {
    ...nodeFileSystem,
    renameNoReplace: async (from) => {
      throw systemError(22, 'renameat2', from);
    },
  };
  await replaceFile(`${directory}/a`, 'first', { ifExists: 'fail', fs });
  await assert.rejects(replaceFile(`${directory}/a`, 'x', { ifExists: 'fail', fs }), {
    code: 'ALREADY_EXISTS',
  });
  assert.equal(statSync(`${directory}/a`).nlink, 1);
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a hard link keeps the old content', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  linkSync(`${directory}/a`, `${directory}/b`);
  await replaceFile(`${directory}/a`, 'new');
  assert.equal(readFileSync(`${directory}/b`, 'utf8'), 'old');
});

test('a write that takes fewer bytes than given is a full disk: old file kept, nothing left over', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  const fs = withStages((file) => {
    const write = file.write.bind(file);
    file.write = (data, offsetBytes) => write(data.subarray(0, data.length - 1), offsetBytes);
  });
  await assert.rejects(
    replaceFile(`${directory}/a`, 'new', { fs }),
    (error) => isHoldfastError(error, 'NO_SPACE') && error.outcome === 'unchanged',
  );
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a file that came out shorter than written is never published', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  const fs = withStages((file) => {
    const write = file.write.bind(file);
    file.write = async (data, offsetBytes) => {
      await write(data.subarray(1), offsetBytes);
      return data.length;
    };
  });
  await assert.rejects(replaceFile(`${directory}/a`, 'new', { fs }), code('IO'));
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('after a failed fsync the stage is discarded and never synced again', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  let syncs = 0;
  const fs = withStages((file) => {
    file.sync = async () => {
      syncs += 1;
      throw systemError(5, 'fsync', file.path);
    };
  });
  await assert.rejects(
    replaceFile(`${directory}/a`, 'new', { fs }),
    (error) => isHoldfastError(error, 'SYNC_FAILED') && error.outcome === 'unchanged',
  );
  assert.equal(syncs, 1);
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a directory that cannot be synced after the rename is outcome unknown, and nothing is discarded', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  const fs: Fs = {
    ...nodeFileSystem,
    async openDirectory(path) {
      const handle = await nodeFileSystem.openDirectory(path);
      handle.sync = async () => {
        throw systemError(5, 'fsync', path);
      };
      return handle;
    },
  };
  await assert.rejects(
    replaceFile(`${directory}/a`, 'new', { fs }),
    (error) => isHoldfastError(error, 'SYNC_FAILED') && error.outcome === 'unknown',
  );
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'new');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('an error while cleaning up never hides the first one', async (t) => {
  const directory = temporaryDirectory(t);
  const fs: Fs = {
    ...withStages((file) => {
      file.sync = async () => {
        throw systemError(5, 'fsync', file.path);
      };
    }),
    unlink: async (path) => {
      throw systemError(13, 'unlink', path);
    },
  };
  await assert.rejects(replaceFile(`${directory}/a`, 'new', { fs }), code('SYNC_FAILED'));
});

test('a stream that fails leaves the old file, and its error is the cause', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  const own = new Error('mine');
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw own;
  }
  await assert.rejects(
    replaceFile(`${directory}/a`, broken()),
    (error) => isHoldfastError(error, 'UPDATER_FAILED') && error.cause === own,
  );
  const notBytes = ['text'] as unknown as FileData;
  await assert.rejects(replaceFile(`${directory}/a`, notBytes), code('INVALID_ARGUMENT'));
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('half a surrogate pair is refused, not replaced in silence', async (t) => {
  const directory = temporaryDirectory(t);
  await assert.rejects(replaceFile(`${directory}/a`, 'a\ud800b'), code('UNREPRESENTABLE'));
  await replaceFile(`${directory}/a`, 'a😀b');
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'a😀b');
});

test('a file that is streamed and missing fails every call that takes a stream, and not the process', async (t) => {
  const root = temporaryDirectory(t);
  const missing = (): Readable => createReadStream(`${root}/missing`);
  const calls = [
    () => replaceFile(`${root}/a`, missing()),
    () => transaction(root, (tx) => tx.replaceFile('a', missing())),
    () => publishDirectory(`${root}/d`, (stage) => stage.write('b/c/a', missing())),
  ];
  for (const call of calls) {
    await assert.rejects(
      call,
      (error: unknown) =>
        isHoldfastError(error, 'UPDATER_FAILED') && errnoOf(error.cause) === 'ENOENT',
    );
  }
});

test('a stream is closed also by a call that fails before it reads', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  mkdirSync(`${directory}/b`);
  const sources: Readable[] = [];
  const source = (): Readable => {
    sources.push(new Readable({ read: () => undefined }));
    return sources.at(-1) as Readable;
  };
  const calls = [
    async () => replaceFile(`${directory}/a`, source(), { ifExists: 'fail' }),
    async () => replaceFile(`${directory}/a`, source(), { mode: -1 }),
    async () =>
      publishDirectory(`${directory}/c`, async (stage) => stage.write('../out', source())),
    async () =>
      publishDirectory(`${directory}/c`, async (stage) => {
        // Nobody awaits it, and the publish fails all the same.
        void stage.write('/out', source());
      }),
    async () => transaction(directory, async (tx) => tx.replaceFile('b', source())),
  ];
  for (const call of calls) await assert.rejects(call, (error) => isHoldfastError(error));
  assert.equal(sources.length, calls.length);
  assert.ok(sources.every(({ destroyed }) => destroyed));
  assert.deepEqual(readdirSync(directory).toSorted(), ['a', 'b']);
});

test('a signal ends the call while a stream keeps it waiting, and the stream is closed', async (t) => {
  const directory = temporaryDirectory(t);
  const controller = new AbortController();
  const source = new Readable({ read: () => void setImmediate(() => controller.abort()) });
  source.push(Buffer.from('first'));
  const writing = replaceFile(`${directory}/a`, source, { signal: controller.signal });
  await assert.rejects(writing, code('ABORTED'));
  await new Promise(setImmediate);
  assert.equal(source.destroyed, true);
  assert.deepEqual(readdirSync(directory), []);
});

test("durability 'atomic' syncs nothing, 'durable' syncs the file before the rename and the directory after", async (t) => {
  const directory = temporaryDirectory(t);
  const steps: string[] = [];
  const fs: Fs = {
    ...withStages((file) => {
      const sync = file.sync.bind(file);
      file.sync = () => {
        steps.push('sync file');
        return sync();
      };
    }),
    async openDirectory(path) {
      const handle = await nodeFileSystem.openDirectory(path);
      const sync = handle.sync.bind(handle);
      handle.sync = () => {
        steps.push('sync directory');
        return sync();
      };
      return handle;
    },
    rename: async (from, to) => {
      steps.push('rename');
      await nodeFileSystem.rename(from, to);
    },
  };
  await replaceFile(`${directory}/a`, 'new', { fs, durability: 'atomic' });
  assert.deepEqual(steps, ['rename']);
  steps.length = 0;
  await replaceFile(`${directory}/a`, 'new', { fs });
  assert.deepEqual(steps, ['sync file', 'rename', 'sync directory']);
});

test('a target that is a mount point keeps its content, and says so; in place only on request', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old and long');
  const fs: Fs = {
    ...nodeFileSystem,
    rename: async (from) => {
      throw systemError(16, 'rename', from);
    },
  };
  await assert.rejects(replaceFile(`${directory}/a`, 'new', { fs }), code('TARGET_IS_MOUNT'));
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old and long');
  const inode = statSync(`${directory}/a`).ino;
  await replaceFile(`${directory}/a`, 'new', { fs, inPlace: 'ifNeeded' });
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'new');
  assert.equal(statSync(`${directory}/a`).ino, inode);
  assert.deepEqual(readdirSync(directory), [`.holdfast-${inode.toString(16)}.redo.lock`, 'a']);
});

test('unknown and contradictory options are refused before anything is touched', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  for (const options of [
    { modes: 0o600 },
    { mode: '600' },
    { durability: 'fsync' },
    { ifExists: 'no' },
  ]) {
    await assert.rejects(replaceFile(path, '', options as object), code('INVALID_ARGUMENT'));
  }
});

test("ifExists 'fail' is refused, not failed, where there is neither such a rename nor a link (s3fs, rclone, cryfs)", async (t) => {
  const directory = temporaryDirectory(t);
  for (const [rename, link] of [
    [22, 95],
    [38, 5],
    [95, 34],
  ] as const) {
    const fs: Fs = {
      ...nodeFileSystem,
      renameNoReplace: async (from) => {
        throw systemError(rename, 'renameat2', from);
      },
      link: async (from) => {
        throw systemError(link, 'link', from);
      },
    };
    await assert.rejects(
      replaceFile(`${directory}/new`, 'x', { ifExists: 'fail', fs }),
      (error) => isHoldfastError(error, 'UNSUPPORTED_PLATFORM') && error.outcome === 'unchanged',
    );
    assert.deepEqual(readdirSync(directory), []);
  }
});
