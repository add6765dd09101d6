/** What notices each mutant of the core: found by trying every scenario, kept so that it need not be found again. */
import type { Evidence } from './mutant-engine.js';

export const evidence: Evidence = {
  'directory/old-tree.js: call of a sync: await syncDirectory(fs, path)': {
    engine: 'model',
    scenario: 'publishDirectory: two renames, then removed',
  },
  'directory/old-tree.js: call of a sync: await syncDirectory(fs, path) (2)': {
    engine: 'model',
    scenario: 'publishDirectory: two renames, then removed',
  },
  'directory/old-tree.js: order: await syncDirectory(fs, path); await removeTree(fs, path);': {
    engine: 'model',
    scenario: 'publishDirectory: two renames, then removed',
  },
  'directory/orphans.js: call of a sync: await syncDirectory(fs, dirname(path))': {
    engine: 'model',
    scenario: 'sweepOrphans: a replaced tree',
  },
  'directory/orphans.js: call of a sync: await syncDirectory(fs, dirname(path)) (2)': {
    engine: 'model',
    scenario: 'sweepOrphans: a tree to be put back',
  },
};
