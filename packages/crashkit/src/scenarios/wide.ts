/**
 * Much at once: files of many pages, so that what is pending before a sync can be lost in a hundred thousand ways, and
 * all of these are tried.
 */
import type { Fs } from 'holdfast/os';
import type { ScenarioAt } from '../explore/scenario.js';
import type { HoldfastApi } from './api.js';
import { seeFile, seeTree } from './reading.js';
import { scenarioOfSteps } from './steps.js';

const PAGE_BYTES = 4096;
const FILE_PAGES = 18;
/** Fewer, since to mend a log takes longer than to pass over a file that nothing leads to. */
const LOG_PAGES = 16;

/** Each page differs from the others. */
function pages(count: number, seed: string): string {
  return Array.from({ length: count }, (_, page) =>
    `${seed} ${page} `.padEnd(PAGE_BYTES, seed),
  ).join('');
}

export function wideScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const file = (name: string): ScenarioAt => {
    return (root) => {
      const path = `${root}/data`;
      const save = (fs: Fs, data: string): Promise<unknown> => api.replaceFile(path, data, { fs });
      return scenarioOfSteps({
        name,
        root,
        setup: async (fs) => {
          await save(fs, 'old');
        },
        steps: [{ label: 'replace', call: (fs) => save(fs, pages(FILE_PAGES, 'new')) }],
        observe: (fs) => seeFile(fs, path),
        nextRun: async (fs) => {
          await save(fs, 'next');
        },
      });
    };
  };

  const document = (name: string): ScenarioAt => {
    return (root) => {
      const path = `${root}/state.json`;
      const change = (fs: Fs, text: string): Promise<unknown> =>
        api.updateJson<object>(path, () => ({ text }), { fs, initial: {} });
      return scenarioOfSteps({
        name,
        root,
        setup: async (fs) => {
          await change(fs, 'old');
        },
        steps: [{ label: 'update', call: (fs) => change(fs, pages(FILE_PAGES, 'new').slice(100)) }],
        observe: (fs) => seeFile(fs, path),
        nextRun: async (fs) => {
          await change(fs, 'next');
        },
      });
    };
  };

  const log = (name: string): ScenarioAt => {
    return (root) => {
      const path = `${root}/log.jsonl`;
      const append = (fs: Fs, text: string): Promise<unknown> =>
        api.appendRecords(path, [{ text }], { fs });
      return scenarioOfSteps({
        name,
        root,
        setup: async (fs) => {
          await append(fs, 'old');
        },
        steps: [{ label: 'append', call: (fs) => append(fs, pages(LOG_PAGES, 'new')) }],
        observe: async (fs) => {
          const lengths: number[] = [];
          for await (const { text } of api.readRecords<{ text: string }>(path, { fs })) {
            lengths.push(text.length);
          }
          return lengths.join(' ');
        },
        mayStay: (left) => /\/log\.[^/]+$/.test(left),
        nextRun: async (fs) => {
          await append(fs, 'next');
        },
      });
    };
  };

  const tree = (name: string): ScenarioAt => {
    return (root) => {
      const path = `${root}/tree`;
      const publish = (fs: Fs, text: string): Promise<unknown> =>
        api.publishDirectory(path, (stage) => stage.write('leaf', text), {
          fs,
          ifExists: 'replace',
        });
      return scenarioOfSteps({
        name,
        root,
        setup: async (fs) => {
          await publish(fs, 'old');
        },
        steps: [{ label: 'publish', call: (fs) => publish(fs, pages(FILE_PAGES, 'new')) }],
        observe: (fs) => seeTree(fs, path),
        nextRun: async (fs) => {
          await publish(fs, 'next');
        },
      });
    };
  };

  return {
    'wide: replaceFile': file('wide: replaceFile'),
    'wide: updateJson': document('wide: updateJson'),
    'wide: appendRecords': log('wide: appendRecords'),
    'wide: publishDirectory': tree('wide: publishDirectory'),
  };
}
