/**
 * Programs that replace one file: one that does it right, and others that each leave out one step.
 */
import type { Fs } from 'holdfast/os';
import type { Scenario, ScenarioAt } from '@holdfast/crashkit';

export const OLD = 'old content';
export const NEW = 'new content, longer than the old';

export type Step = 'write' | 'fsync' | 'rename' | 'directory sync' | 'ack';

export const rightSteps: readonly Step[] = ['write', 'fsync', 'rename', 'directory sync', 'ack'];

/** Replaces a file by these steps in this order. */
export function replaceBy(steps: readonly Step[], root = '/d'): Scenario {
  const [target, stage] = [`${root}/target`, `${root}/stage`];
  return {
    name: `replace by ${steps.join(', ')}`,
    root,
    setup: (fs) => writeWhole(fs, target, OLD),
    async run({ fs, acknowledge }) {
      const file = await fs.open(stage, { access: 'write', create: 'exclusive' });
      const step: Record<Step, () => Promise<unknown>> = {
        write: () => file.write(Buffer.from(NEW), 0),
        fsync: () => file.sync(),
        rename: () => fs.rename(stage, target),
        'directory sync': async () => (await fs.openDirectory(root)).sync(),
        ack: async () => acknowledge('new'),
      };
      for (const name of steps) await step[name]();
      await file.close();
    },
    check: (fs, acknowledged) => checkReplaced(fs, target, acknowledged),
  };
}

/** Truncates the file and writes it anew, which a kill leaves torn. */
export function overwrite(root = '/d'): Scenario {
  return {
    name: 'overwrite in place',
    root,
    setup: (fs) => writeWhole(fs, `${root}/target`, OLD),
    async run({ fs, acknowledge }) {
      await writeWhole(fs, `${root}/target`, NEW);
      acknowledge('new');
    },
    check: (fs, acknowledged) => checkReplaced(fs, `${root}/target`, acknowledged),
  };
}

/** Does more when it is recorded than when it is to be killed, as processes side by side may. */
export function fewerStepsLater(moreSteps: number, root: string): Scenario {
  const right = replaceBy(rightSteps, root);
  return {
    ...right,
    async run(program) {
      await right.run(program);
      if (process.argv[1]?.endsWith('kill-child.js')) return;
      for (let step = 0; step < moreSteps; step += 1) await program.fs.mkdir(`${root}/${step}`);
    },
  };
}

/** For processes that find a scenario by name. */
export const scenarios: Readonly<Record<string, ScenarioAt>> = {
  right: (root) => replaceBy(rightSteps, root),
  'no fsync': (root) => replaceBy(['write', 'rename', 'directory sync', 'ack'], root),
  'no directory sync': (root) => replaceBy(['write', 'fsync', 'rename', 'ack'], root),
  'rename before the write': (root) =>
    replaceBy(['rename', 'write', 'fsync', 'directory sync', 'ack'], root),
  'overwrite in place': overwrite,
  'a few steps fewer later': (root) => fewerStepsLater(2, root),
  'hardly any step later': (root) => fewerStepsLater(12, root),
};

async function checkReplaced(
  fs: Fs,
  target: string,
  acknowledged: readonly string[],
): Promise<void> {
  const content = await readWhole(fs, target);
  if (content !== OLD && content !== NEW) throw new Error('neither old nor new');
  if (acknowledged.length > 0 && content !== NEW) throw new Error('an acknowledged write is lost');
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
