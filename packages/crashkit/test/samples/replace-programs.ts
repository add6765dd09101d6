/** Programs that replace one file: one that does it right, and others that each leave out one step. */
import type { Fs } from 'holdfast/os';
import type { Scenario } from '@holdfast/crashkit';

export const OLD = 'old content';
export const NEW = 'new content, longer than the old';

export type Step = 'write' | 'fsync' | 'rename' | 'directory sync' | 'ack';

/** Replaces /d/target by these steps in this order, and acknowledges. */
export function replaceBy(steps: readonly Step[]): Scenario {
  return {
    name: `replace by ${steps.join(', ')}`,
    async setup(fs) {
      await fs.mkdir('/d');
      await writeWhole(fs, '/d/target', OLD);
    },
    async run({ fs, acknowledge }) {
      const file = await fs.open('/d/stage', { access: 'write', create: 'exclusive' });
      const step: Record<Step, () => Promise<unknown>> = {
        write: () => file.write(Buffer.from(NEW), 0),
        fsync: () => file.sync(),
        rename: () => fs.rename('/d/stage', '/d/target'),
        'directory sync': async () => (await fs.openDirectory('/d')).sync(),
        ack: async () => acknowledge('new'),
      };
      for (const name of steps) await step[name]();
      await file.close();
    },
    async check(fs, acknowledged) {
      const content = await readWhole(fs, '/d/target');
      if (content !== OLD && content !== NEW) throw new Error('neither old nor new');
      if (acknowledged.length > 0 && content !== NEW)
        throw new Error('an acknowledged write is lost');
    },
  };
}

export async function writeWhole(fs: Fs, path: string, content: string): Promise<void> {
  const file = await fs.open(path, { access: 'write', create: 'ifMissing', truncate: true });
  await file.write(Buffer.from(content), 0);
  await file.close();
}

export async function readWhole(fs: Fs, path: string): Promise<string> {
  const file = await fs.open(path, { access: 'read' });
  const buffer = Buffer.alloc(10_000);
  const count = await file.read(buffer, 0);
  await file.close();
  return buffer.toString('utf8', 0, count);
}
