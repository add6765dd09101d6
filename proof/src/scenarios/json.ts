/**
 * updateJson, updateFile, updateToml and updateYaml: one call after another, several in one group,
 * several processes, and in a directory that it must make.
 */
import type { Fs } from 'holdfast/os';
import {
  allowedAfter,
  attempt,
  checkNamesBelow,
  type Scenario,
  type ScenarioAt,
  scenarioOfSteps,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { putUnsynced, seeFile } from './reading.js';

type Counter = Record<string, number>;

/** Longer than a page, so that a part of the document can be lost. */
const padding = 'x'.repeat(5000);

/** A document that is made, grows past a page and shrinks again. */
function grown(
  name: string,
  root: string,
  path: string,
  update: (fs: Fs, key: string, value: unknown) => Promise<unknown>,
): Scenario {
  return scenarioOfSteps({
    name,
    root,
    observe: (fs) => seeFile(fs, path),
    nextRun: async (fs) => {
      await update(fs, 'next', true);
    },
    steps: [
      { label: 'first', call: (fs) => update(fs, 'a', 1) },
      { label: 'second', call: (fs) => update(fs, 'long', padding) },
      { label: 'third', call: (fs) => update(fs, 'long', 'short again') },
    ],
  });
}

export function jsonScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const count = (fs: Fs, path: string, key: string): Promise<Counter> =>
    api.updateJson<Counter>(
      path,
      (document) => {
        document[key] = (document[key] ?? 0) + 1;
        document['sum'] = (document['sum'] ?? 0) + 1;
      },
      { fs, initial: {} },
    );

  const together =
    (name: string, processes: number): ScenarioAt =>
    (root) => {
      const path = `${root}/state.json`;
      const keys = ['a', 'b', 'c', 'd'].map((key, index) => ({ key, process: index % processes }));
      return {
        name,
        root,
        setup: async (fs) => {
          await count(fs, path, 'old');
        },
        async run(world) {
          const all = [
            world.fs,
            ...Array.from({ length: processes - 1 }, () => world.newProcess()),
          ];
          await Promise.all(
            keys.map(({ key, process }) =>
              attempt(world, key, () => count(all[process] as Fs, path, key)),
            ),
          );
        },
        async check(fs, acknowledged) {
          const document = await api.readJson<Counter>(path, { fs });
          let sum = document['old'] ?? 0;
          for (const { key } of keys) {
            const seen = document[key] ?? 0;
            sum += seen;
            if (!allowedAfter(acknowledged, key, 0, 1).includes(seen)) {
              throw new Error(`of the update of ${key} a reader sees ${seen} times`);
            }
          }
          if (document['old'] !== 1) throw new Error('the old value is lost');
          if (document['sum'] !== sum) throw new Error('the document is a mix of two updates');
          await count(fs, path, 'next');
          await checkNamesBelow(fs, root, ['state.json', 'state.json.lock']);
        },
      };
    };

  const alone =
    (name: string, file: string): ScenarioAt =>
    (root) => {
      const path = `${root}/${file}`;
      return grown(name, root, path, (fs, key, value) =>
        api.updateJson<Record<string, unknown>>(
          path,
          (document) => ({ ...document, [key]: value }),
          { fs, initial: {} },
        ),
      );
    };

  /**
   * Another program has put a document there and synced nothing; an update that changes nothing
   * vouches for it.
   */
  const unchanged: ScenarioAt = (root) => {
    const path = `${root}/state.json`;
    const same = (fs: Fs): Promise<unknown> =>
      api.updateJson<Counter>(path, () => undefined, { fs });
    return {
      name: 'updateJson: nothing to change',
      root,
      async run(world) {
        await putUnsynced(world.newProcess(), path, '{"other":1}\n').then(
          () => world.acknowledge(THERE),
          () => undefined,
        );
        await attempt(world, 'same', () => same(world.fs));
      },
      async check(fs, acknowledged) {
        const seen = await seeFile(fs, path);
        const isSure = [THERE, 'same: done'].every((label) => acknowledged.includes(label));
        if (isSure && seen !== JSON.stringify('{"other":1}\n')) {
          throw new Error(`the update found a document, and after it a reader sees ${seen}`);
        }
      },
    };
  };

  const file: ScenarioAt = (root) => {
    const path = `${root}/notes.txt`;
    const add = (fs: Fs, line: string): Promise<unknown> =>
      api.updateFile(path, (text) => `${text}${line}\n`, { encoding: 'utf8', fs });
    return scenarioOfSteps({
      name: 'updateFile',
      root,
      observe: (fs) => seeFile(fs, path),
      nextRun: async (fs) => {
        await add(fs, 'next');
      },
      steps: [
        { label: 'first', call: (fs) => add(fs, 'a') },
        { label: 'second', call: (fs) => add(fs, padding) },
        {
          label: 'third',
          call: (fs) => api.updateFile(path, () => 'short', { encoding: 'utf8', fs }),
        },
      ],
    });
  };

  const text =
    (name: 'updateToml' | 'updateYaml', path: string): ScenarioAt =>
    (root) => {
      const at = `${root}/${path}`;
      return grown(name, root, at, (fs, key, value) =>
        api[name]<Record<string, unknown>>(at, (document) => void (document[key] = value), { fs }),
      );
    };

  return {
    updateFile: file,
    updateToml: text('updateToml', 'state.toml'),
    updateYaml: text('updateYaml', 'state.yaml'),
    'updateJson: nothing to change': unchanged,
    'updateJson: alone': alone('updateJson: alone', 'state.json'),
    'updateJson: in new directories': alone(
      'updateJson: in new directories',
      'new/deep/state.json',
    ),
    'updateJson: a group': together('updateJson: a group', 1),
    'updateJson: two processes': together('updateJson: two processes', 2),
  };
}

const THERE = 'the other program is done';
