/**
 * Publishes over whatever is there, for the kill engine: what must be true when their process died
 * at any step.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { ScenarioAt } from '@holdfast/crashkit';
import { listOrphans, publishDirectory, type PublishDirectoryOptions } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { withoutExchange } from '#src/scenarios/without-exchange.js';

/** One way to publish over what is there. */
interface Publish {
  readonly name: string;
  /** What is at the target before: nothing, an empty directory, or a tree. */
  readonly before: 'nothing' | 'empty' | 'tree';
  readonly options: PublishDirectoryOptions;
  /** Whether the filesystem is made to refuse an exchange. */
  readonly withoutExchange?: boolean;
}

const publishes: readonly Publish[] = [
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

function scenarioOf(publish: Publish): ScenarioAt {
  return (root) => ({
    name: publish.name,
    root,
    setup: () => prepare(`${root}/out`, publish.before),
    async run({ fs, acknowledge }) {
      const machine = publish.withoutExchange ? withoutExchange(fs) : fs;
      await publishTree(`${root}/out`, NEW_TREE, { ...publish.options, fs: machine });
      acknowledge('published');
    },
    check: (_, acknowledged) => checkAfterDeath(root, publish, acknowledged),
  });
}

export const scenarios: Readonly<Record<string, ScenarioAt>> = Object.fromEntries(
  publishes.map((publish) => [publish.name, scenarioOf(publish)]),
);

async function prepare(target: string, before: Publish['before']): Promise<void> {
  if (before === 'empty') mkdirSync(target);
  if (before === 'tree') await publishTree(target, OLD_TREE, {});
}

/**
 * Old or new, never a mix; what is left is known to be dead; and the next publish leaves nothing of
 * it.
 */
async function checkAfterDeath(
  root: string,
  publish: Publish,
  acknowledged: readonly string[],
): Promise<void> {
  const target = `${root}/out`;
  const isMissing = !readdirSync(root).includes('out');
  if (isMissing) {
    const mayBeMissing = publish.withoutExchange ?? nodeFileSystem.hasExchange === false;
    assert.ok(publish.before === 'nothing' || mayBeMissing);
  } else {
    const trees = { nothing: [NEW_TREE], empty: [{}, NEW_TREE], tree: [OLD_TREE, NEW_TREE] };
    assert.ok(isOneOf(treeAt(target), trees[publish.before]));
  }
  for (const { owner } of await listOrphans(root)) assert.equal(owner, 'dead');
  const wasPublished = !isMissing && isOneOf(treeAt(target), [NEW_TREE]);
  if (acknowledged.includes('published')) assert.ok(wasPublished);
  await publishTree(target, { next: '' }, { ...publish.options, ifExists: 'replace' });
  assert.deepEqual(treeAt(target), { next: '' });
  const previous = readdirSync(root).filter((name) => name !== 'out');
  if (publish.options.keepPrevious === undefined) {
    assert.deepEqual(previous, []);
  } else {
    // What was replaced last is kept, whoever died while it was replaced.
    assert.equal(previous.length, 1);
    assert.deepEqual(treeAt(`${root}/${previous[0]}`), wasPublished ? NEW_TREE : OLD_TREE);
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
function treeAt(directory: string): Tree {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/'))
    .toSorted();
  return Object.fromEntries(
    paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}
