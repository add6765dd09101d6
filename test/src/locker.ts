/**
 * A lock of a library of npm: `locker.js PACKAGES KIND hold|try FILE`, as test/python/lockers.py
 * says. FILE is the lock file.
 */
import { openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [, , packages = '', kind = '', action, path = ''] = process.argv;
const load = createRequire(join(packages, 'package.json'));

/** What is used of the libraries, which have no types. */
interface ProperLockfile {
  readonly lock: (file: string, options: object) => Promise<() => Promise<void>>;
}
interface Lockfile {
  readonly lockSync: (path: string) => void;
  readonly unlockSync: (path: string) => void;
}
interface NativeExtensions {
  readonly tryLock: (fd: number) => boolean;
}
interface OsLock {
  readonly lock: (fd: number, options: object) => Promise<void>;
}
interface FsExt {
  readonly flockSync: (fd: number, how: string) => void;
}

/** Takes the lock, and gives back what frees it; fails when somebody has it. */
const kinds: Readonly<Record<string, () => Promise<() => unknown>>> = {
  async 'proper-lockfile'() {
    const { lock } = load('proper-lockfile') as ProperLockfile;
    // It adds the ending itself.
    return lock(path.slice(0, -'.lock'.length), { realpath: false });
  },
  async lockfile() {
    const { lockSync, unlockSync } = load('lockfile') as Lockfile;
    lockSync(path);
    return () => unlockSync(path);
  },
  async 'fs-native-extensions'() {
    const { tryLock } = load('fs-native-extensions') as NativeExtensions;
    if (!tryLock(openSync(path, 'a+'))) throw new Error('held');
    return () => undefined;
  },
  async 'os-lock'() {
    const { lock } = load('os-lock') as OsLock;
    await lock(openSync(path, 'a+'), { exclusive: true, immediate: true });
    return () => undefined;
  },
  async 'fs-ext'() {
    const { flockSync } = load('fs-ext') as FsExt;
    flockSync(openSync(path, 'a+'), 'exnb');
    return () => undefined;
  },
};

const release = await kinds[kind]?.().catch(() => process.exit(1));
console.log('held');
if (action === 'hold') {
  await new Promise((resolve) => process.stdin.resume().once('end', resolve));
}
await release?.();
process.exit(0);
