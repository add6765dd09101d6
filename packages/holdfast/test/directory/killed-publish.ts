/**
 * Publishes of which the process dies before or after every one of its steps, and what must be true afterwards.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { wasKilled } from '@holdfast/tools/testing';
import { listOrphans, publishDirectory, type PublishDirectoryOptions } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';

/** One way to publish over what is there. */
export interface Scenario {
  readonly name: string;
  /** What is at the target before: nothing, an empty directory, or a tree. */
  readonly before: 'nothing' | 'empty' | 'tree';
  readonly options: PublishDirectoryOptions;
  /** Whether the filesystem is made to refuse an exchange. */
  readonly withoutExchange?: boolean;
}

export const scenarios: readonly Scenario[] = [
  { name: 'onto nothing', before: 'nothing', options: {} },
  { name: 'onto an empty directory', before: 'empty', options: { sync: 'filesystem' } },
  { name: 'onto a tree', before: 'tree', options: { ifExists: 'replace' } },
  { name: 'with keepPrevious', before: 'tree', options: { ifExists: 'replace', keepPrevious: 1 } },
  { name: 'with resume', before: 'tree', options: { ifExists: 'replace', resume: true } },
  {
    name: 'by two renames',
    before: 'tree',
    options: { ifExists: 'replace', withoutExchange: 'twoRenames' },
    withoutExchange: true,
  },
];

const OLD_TREE = { 'a.txt': 'old', 'sub/b.txt': 'old' };
const NEW_TREE = { 'a.txt': 'new', 'sub/b.txt': 'new', 'sub/c.txt': 'new' };

type Tree = Record<string, string>;

/** Kills a publish at each of its steps, below an empty directory, and checks each time what is left. */
export async function killAtEveryStep(
  root: string,
  scenario: Scenario,
  moments: readonly ('before' | 'after')[],
): Promise<number> {
  for (let step = 0; ; step += 1) {
    for (const when of moments) {
      const where = `${scenario.name}, killed ${when} step ${step}`;
      rmSync(root, { recursive: true, force: true });
      mkdirSync(root);
      await prepare(`${root}/out`, scenario.before);
      if (isKilled(root, scenario, step, when)) await checkAfterDeath(root, scenario, where);
      // There is no "after" of a step that failed, but there is a "before" of every step that is made.
      else if (when === 'before') return step;
    }
  }
}

async function prepare(target: string, before: Scenario['before']): Promise<void> {
  if (before === 'empty') mkdirSync(target);
  if (before === 'tree') await publishTree(target, OLD_TREE, {});
}

/** Runs the publish in a process of its own. False when it came to its end. */
function isKilled(root: string, scenario: Scenario, step: number, when: string): boolean {
  const script = `
    import { publishDirectory } from 'holdfast';
    import { nodeFileSystem, systemError } from 'holdfast/os';
    import { killAtStep, observeFs } from '@holdfast/tools/testing';
    const refuse = { before: ({ call, path }) => {
      if (call === 'exchange') throw systemError(22, 'renameat2', path);
    } };
    const inner = ${scenario.withoutExchange ?? false} ? observeFs(nodeFileSystem, refuse) : nodeFileSystem;
    const fs = observeFs(inner, killAtStep(${step}, '${when}'));
    await publishDirectory(${JSON.stringify(`${root}/out`)}, async (stage) => {
      for (const [path, text] of Object.entries(${JSON.stringify(NEW_TREE)})) {
        await stage.write(path, text);
      }
    }, { ...${JSON.stringify(scenario.options)}, fs });`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.ok(wasKilled(ended) || ended.status === 0, ended.stderr);
  return wasKilled(ended);
}

/** Old or new, never a mix; what is left is known to be dead; and the next publish leaves nothing of it. */
async function checkAfterDeath(root: string, scenario: Scenario, where: string): Promise<void> {
  const target = `${root}/out`;
  const isMissing = !readdirSync(root).includes('out');
  if (isMissing) {
    const mayBeMissing = scenario.withoutExchange ?? nodeFileSystem.hasExchange === false;
    assert.ok(scenario.before === 'nothing' || mayBeMissing, where);
  } else {
    const trees = { nothing: [NEW_TREE], empty: [{}, NEW_TREE], tree: [OLD_TREE, NEW_TREE] };
    assert.ok(isOneOf(treeAt(target), trees[scenario.before]), where);
  }
  for (const { owner } of await listOrphans(root)) assert.equal(owner, 'dead', where);
  const wasPublished = !isMissing && isOneOf(treeAt(target), [NEW_TREE]);
  const { fs: _, ...options } = scenario.options;
  await publishTree(target, { next: '' }, { ...options, ifExists: 'replace' });
  assert.deepEqual(treeAt(target), { next: '' }, where);
  const previous = readdirSync(root).filter((name) => name !== 'out');
  if (scenario.options.keepPrevious === undefined) {
    assert.deepEqual(previous, [], where);
  } else {
    // What was replaced last is kept, whoever died while it was replaced.
    assert.equal(previous.length, 1, where);
    assert.deepEqual(treeAt(`${root}/${previous[0]}`), wasPublished ? NEW_TREE : OLD_TREE, where);
  }
}

async function publishTree(
  target: string,
  tree: Tree,
  options: PublishDirectoryOptions,
): Promise<void> {
  await publishDirectory(
    target,
    async (stage) => {
      if (stage.resumed) {
        for (const name of readdirSync(stage.path)) {
          rmSync(`${stage.path}/${name}`, { recursive: true });
        }
      }
      for (const [path, text] of Object.entries(tree)) await stage.write(path, text);
    },
    options,
  );
}

function isOneOf(tree: Tree, allowed: readonly Tree[]): boolean {
  const text = JSON.stringify(tree);
  return allowed.some((each) => JSON.stringify(each) === text);
}

/** Every file below a directory with its content, by path. */
export function treeAt(directory: string): Tree {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/'))
    .toSorted();
  return Object.fromEntries(
    paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}
