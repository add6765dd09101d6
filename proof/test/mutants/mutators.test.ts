import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { mutantsOf, type Mutant } from '#src/mutants/mutant-list.js';
import { mutators } from '#src/mutants/mutators.js';
import { compile, sourcesOf } from '#src/mutants/syntax.js';
import { mutable } from '#src/mutants/packages.js';

const source = `
import type { FileStat, Fs, FsDirectory, FsFile } from 'holdfast/os';

declare function syncDirectory(fs: Fs, path: string): Promise<void>;
declare function freshenNames(fs: Fs, directory: string): Promise<void>;
declare function isCommitPending(fs: Fs, path: string): Promise<boolean>;
declare function refuseLostName(fs: Fs, path: string): Promise<void>;
declare function onlyCopies(names: readonly string[]): ReadonlySet<string>;
declare function tryLink(fs: Fs, from: string, to: string): Promise<void>;
declare function askAgain<T>(fs: Fs, path: string, look: () => T): T;
declare function checksumOf(data: string): string;
declare function withLock<T>(path: string, work: () => T): T;
declare function withNonce(kind: string, content: string): string;
declare function isMadeBy(id: string): boolean;
interface Doubt {
  readonly cause: unknown;
}
declare function startCommitting(id: string): Promise<void>;
interface PublishedFile {
  readonly sha256: string;
}
interface ObjectInfo {
  readonly etag: string;
}
interface ObjectStore {
  put(body: string, options: object): Promise<Doubt | undefined>;
}
declare class History {
  has(id: string): boolean;
}
declare function refuseConvicted(store: ObjectStore): Promise<void>;
interface Verdict {
  readonly outcome: 'passed' | 'convicted';
}
declare function twoWinners(count: number): Verdict;
declare class Trial {
  removeAll(): Promise<void>;
}
declare class Refusal extends Error {}
declare class Lock {
  assertHeld(): Promise<void>;
}
declare class TaskGroup {
  close(): Promise<void>;
}
declare class TaskFailures {
  add(error: unknown): void;
}
declare function isHeldHere(fs: Fs, lockPath: string): boolean;

export async function save(fs: Fs, file: FsFile, piece: Uint8Array): Promise<void> {
  await file.stat('fresh');
  const taken = await file.write(piece, 0);
  if (taken === piece.length) return;
  throw new Error('short');
}

export class Saver {
  async publish(fs: Fs, file: FsFile, parent: FsDirectory): Promise<boolean> {
    // await file.sync() is only spoken of
    await file.sync();
    await fs.rename('a', 'b');
    await syncDirectory(fs, '.');
    await parent.sync();
    await parent.syncFilesystem();
    await file.truncate(0);
    return file.tryLock('exclusive') && (await isCommitPending(fs, file.path));
  }
}

export async function all(lock: Lock, group: TaskGroup, failures: TaskFailures, work: readonly Promise<void>[]) {
  await lock.assertHeld();
  await group.close();
  failures.add(new Error('failed'));
  await Promise.allSettled(work);
  return withLock('a', () => 1);
}

export function judge(found: FileStat, wanted: FileStat, own: number, text: string): boolean {
  if (found.kind !== 'file') throw new Refusal('kind');
  if (found.sizeBytes > 10) {
    throw new Refusal('size');
  }
  if (found.sizeBytes < 0) throw new Error('no size is less than nothing');
  const isSame = wanted.dev === found.dev && found.ino === wanted.ino;
  const isTrusted = found.uid === own && found.gid === own && found.mode === 0o600 && found.linkCount === 1;
  return isSame && isTrusted && checksumOf(text) === text;
}

export async function read(fs: Fs, { durability = 'durable' } = {}): Promise<FsFile> {
  await freshenNames(fs, '.');
  if (isHeldHere(fs, 'a')) throw new Refusal('own');
  await askAgain(fs, 'a', () => fs.lstat('a'));
  await fs.open('b', { access: 'write', create: 'exclusive', noFollow: true });
  return fs.open('a', { access: 'read', noFollow: true, ...{ nonBlock: true } });
}

export class OwnedFile {
  #mayVanish(): boolean {
    return true;
  }

  async discard(fs: Fs): Promise<void> {
    await refuseLostName(fs, 'a');
    await tryLink(fs, 'a', 'b');
    if (onlyCopies(['a']).has('a')) return;
    if (this.#mayVanish()) return;
    await fs.unlink('a');
  }
}

export async function swap(store: ObjectStore, history: History, known: ObjectInfo): Promise<boolean> {
  const condition = { ifMatch: known.etag };
  let lost: Doubt | undefined = await store.put(withNonce('blanks', 'content'), { condition });
  if (lost === undefined && isMadeBy('id')) return false;
  return known.etag === 'other' && history.has('id');
}

export async function tryOut(store: ObjectStore, trial: Trial): Promise<void> {
  await refuseConvicted(store);
  if (twoWinners(2).outcome === 'convicted') await trial.removeAll();
}

export async function join(file: PublishedFile): Promise<boolean> {
  await startCommitting('id');
  return file.sha256 === 'other';
}
`;

/** The mutants of a text, as if it lay in this folder. */
function mutants(text: string): readonly Mutant[] {
  const folder = fileURLToPath(new URL('../../test/mutants', import.meta.url));
  const path = `${folder}/sample.ts`;
  const options = { module: ts.ModuleKind.NodeNext, strict: true, types: [] };
  const host = ts.createCompilerHost(options);
  const [getSourceFile, fileExists] = [host.getSourceFile.bind(host), host.fileExists.bind(host)];
  host.fileExists = (name) => name === path || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === path
      ? ts.createSourceFile(name, text, { languageVersion: 99, impliedNodeFormat: 99 }, true)
      : getSourceFile(name, ...rest);
  const { syntax, sources } = sourcesOf(ts.createProgram([path], options, host), folder);
  return sources.flatMap((each) => mutantsOf(each, syntax));
}

const all = mutants(source);

test('each thing that keeps data safe is taken out alone, and what is only spoken of is not', () => {
  assert.deepEqual(
    all.map(({ name }) => name),
    [
      'sample: save: fresh attributes',
      'sample: save: count check',
      'sample: Saver.publish: order',
      'sample: Saver.publish: file sync',
      'sample: Saver.publish: order (2)',
      'sample: Saver.publish: rename',
      'sample: Saver.publish: call of a sync',
      'sample: Saver.publish: order (3)',
      'sample: Saver.publish: order (4)',
      'sample: Saver.publish: directory sync',
      'sample: Saver.publish: filesystem sync',
      'sample: Saver.publish: repair',
      'sample: Saver.publish: lock',
      'sample: Saver.publish: pending commit',
      'sample: all: lock still held',
      'sample: all: settle barrier',
      'sample: all: kept failure',
      'sample: all: settle barrier (2)',
      'sample: all: call under a lock',
      'sample: judge: file kind check',
      'sample: judge: bounds check',
      'sample: judge: inode comparison',
      'sample: judge: owner check',
      'sample: judge: group check',
      'sample: judge: mode check',
      'sample: judge: link check',
      'sample: judge: checksum',
      'sample: read: durability',
      'sample: read: look at names',
      'sample: read: own lock',
      'sample: read: second look',
      // Not of the file that is made anew: that is never a symlink.
      'sample: read: no-follow flag',
      'sample: read: non-block flag',
      'sample: OwnedFile.discard: lost name',
      'sample: OwnedFile.discard: link trial',
      'sample: OwnedFile.discard: only copy',
      'sample: OwnedFile.discard: kept stage',
      'sample: swap: nonce',
      'sample: swap: condition of a write',
      'sample: swap: doubt',
      'sample: swap: own commit',
      'sample: swap: ETag comparison',
      'sample: swap: history',
      'sample: tryOut: first use',
      'sample: tryOut: verdict',
      'sample: tryOut: two winners',
      'sample: tryOut: end of a trial',
      'sample: join: claim of a session',
      'sample: join: checksum of a part',
    ],
  );
});

test('the sample has a mutant of every kind', () => {
  const found = new Set(all.map(({ kind }) => kind));
  assert.deepEqual(found, new Set(mutators.map(({ kind }) => kind)));
});

test('the names stay when variables are renamed and lines move', () => {
  const renamed = source
    .replaceAll(/\bfile\b(?!')/g, 'whatever')
    .replaceAll(/\btaken\b/g, 'n')
    .replaceAll(/\bparent\b/g, 'p')
    .replaceAll(/\bgroup\b/g, 'g')
    .replaceAll(/\bfound\b/g, 'a')
    .replaceAll(/\bwanted\b/g, 'b')
    .replaceAll('export ', '\n// one more line\nexport ');
  assert.notEqual(renamed, source);
  assert.deepEqual(
    mutants(renamed).map(({ name }) => name),
    all.map(({ name }) => name),
  );
});

test('a mutant differs in one place, and compiles', () => {
  for (const mutant of all) {
    const [before, after] = [source.split('\n'), mutant.source.split('\n')];
    const changed = after.filter((line, index) => line !== before[index]);
    assert.equal(before.length, after.length, mutant.name);
    assert.ok(changed.length >= 1 && changed.length <= 2, `${mutant.name}: ${changed.join(' / ')}`);
    assert.notEqual(compile(mutant.source), compile(source), mutant.name);
  }
});

test('an inode comparison goes with the one of the device beside it, in either order', () => {
  const [taken] = all.filter(({ kind }) => kind === 'inode comparison');
  assert.match(taken?.source ?? '', /const isSame = true;/);
});

test('the real system calls are not mutated, since no model runs them', () => {
  const [core] = mutable;
  assert.equal(core.files.test('os/node-fs'), false);
  assert.equal(core.files.test('stage/staged-file'), true);
});
