/**
 * Several files as one: a release writes its files, its version and its counter, and all of them
 * change or none. A crash at any moment leaves the release before or the release after; the next
 * call below the same root finishes what had been decided.
 *
 *   node release.js VERSION
 */
import { mkdir } from 'node:fs/promises';
import { transaction, withLock } from 'holdfast';

interface Counter {
  readonly releases: number;
}

export async function release(root: string, version: string): Promise<void> {
  await mkdir(root, { recursive: true });
  // Of two that replace one directory at once the second would be refused (TARGET_CHANGED): one
  // release at a time.
  await withLock(root, () =>
    transaction(root, async (tx) => {
      await tx.replaceFile('VERSION', `${version}\n`);
      await tx.updateJson<Counter>('counter.json', ({ releases }) => ({ releases: releases + 1 }), {
        initial: { releases: 0 },
      });
      await tx.publishDirectory(
        'current',
        async (stage) => stage.write('index.html', `<title>Release ${version}</title>`),
        { ifExists: 'replace' },
      );
    }),
  );
}

const [version] = process.argv.slice(2);
if (version === undefined) throw new Error('usage: release VERSION');
await release('site', version);
console.log(`site is at ${version}`);
