/**
 * The journal of a commit that died: believed when it is ours and whole, and then it moves things.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isHoldfastError, recover, transaction } from 'holdfast';
import { nodeFileSystem, systemError, type Fs } from 'holdfast/os';
import type { FuzzTarget } from '../target.js';

const JOURNAL = '.holdfast-journal';
const HEADER = /^holdfast-journal 1 \d+ [0-9a-f]{64} [0-9a-f]{8}\n/;
let fixture = '';
let outside = '';

/** A filesystem on which nothing in the tree can be moved, once the journal is written. */
function stuck(): Fs {
  const refuse = async (from: string): Promise<never> => {
    throw systemError(constants.errno.EIO, 'rename', from);
  };
  return {
    ...nodeFileSystem,
    exchange: refuse,
    link: refuse,
    renameNoReplace: refuse,
    rename: (from, to) => (to.endsWith(JOURNAL) ? nodeFileSystem.rename(from, to) : refuse(from)),
    // Nor can the commit be taken back.
    unlink: (path) => (path.endsWith(JOURNAL) ? refuse(path) : nodeFileSystem.unlink(path)),
  };
}

export const journal: FuzzTarget = {
  fileName: JOURNAL,
  words: [
    '"kind":"remove"',
    '"kind":"rename"',
    '"from":"../outside/mine"',
    '"to":"../outside/made"',
    '"to":"/etc/x"',
    '"to":"sub/.."',
    '"before":null',
    '"trash":"a"',
    '"inode":"1"',
    '{',
    '}',
    ',',
    '"moves":[]',
    '\0\0\0\0',
  ],
  async seeds(directory) {
    fixture = join(directory, 'dead');
    outside = join(directory, 'outside');
    for (const each of [fixture, outside]) mkdirSync(each);
    mkdirSync(join(fixture, 'sub'));
    writeFileSync(join(outside, 'mine'), 'mine');
    for (const name of ['a', 'draft', 'old']) writeFileSync(join(fixture, name), name);
    const change = transaction(
      fixture,
      async (tx) => {
        await tx.replaceFile('a', 'new');
        await tx.replaceFile('sub/b', 'new');
        await tx.rename('draft', 'sub/final');
        await tx.remove('old');
        await tx.publishDirectory('tree', (stage) => stage.write('c', 'new'));
      },
      { fs: stuck() },
    );
    await change.catch((error: unknown) => {
      if (!isHoldfastError(error)) throw error;
    });
    const bytes = readFileSync(join(fixture, JOURNAL));
    return [bytes, bytes.subarray(0, bytes.length - 40)];
  },
  /** Checksums and length are made right: what the moves say is then believed. */
  repair: signed,
  async read(path) {
    const room = join(fixture, '..', 'room');
    rmSync(room, { recursive: true, force: true });
    cpSync(fixture, room, { recursive: true });
    const text = withInodesOf(room, readFileSync(path).toString('latin1'));
    writeFileSync(join(room, JOURNAL), signed(Buffer.from(text, 'latin1')));
    chmodSync(join(room, JOURNAL), 0o600);
    try {
      await recover(room, { dryRun: true });
      await recover(room);
    } finally {
      checkOutside();
    }
  },
};

function signed(input: Uint8Array): Uint8Array {
  const text = Buffer.from(input).toString('latin1');
  const header = HEADER.exec(text)?.[0];
  if (header === undefined) return input;
  const body = Buffer.from(text.slice(header.length), 'latin1');
  const line = `holdfast-journal 1 ${body.length} ${sum(body)}`;
  return Buffer.concat([Buffer.from(`${line} ${sum(line).slice(0, 8)}\n`), body]);
}

function sum(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The copy's things are other inodes than those that the journal speaks of. */
function withInodesOf(room: string, text: string): string {
  const names = ['.', ...readdirSync(fixture, { recursive: true, encoding: 'utf8' })];
  return names.reduce((changed, name) => {
    const [was, is] = [fixture, room].map((root) => lstatSync(join(root, name), { bigint: true }));
    return changed.replaceAll(`"${was?.ino}"`, `"${is?.ino}"`);
  }, text);
}

function checkOutside(): void {
  const there = readdirSync(outside);
  if (there.length === 1 && readFileSync(join(outside, 'mine'), 'utf8') === 'mine') return;
  throw new Error(`a recovery touched what is outside of its root: ${there.join(', ')}`);
}
