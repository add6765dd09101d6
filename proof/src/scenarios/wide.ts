/**
 * Much at once: files of many pages, so that what is pending before a sync can be lost in a hundred
 * thousand ways, and all of these are tried.
 */
import type { Fs } from 'holdfast/os';
import { type ScenarioAt, scenarioOfSteps } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { seeFile, seeTree } from './reading.js';

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

/** One write that is wide, after one that is not. */
interface WideWrite {
  readonly file: string;
  readonly data: string;
  readonly write: (fs: Fs, path: string, data: string) => Promise<unknown>;
  readonly observe: (fs: Fs, path: string) => Promise<string>;
  readonly mayStay?: (left: string) => boolean;
}

export function wideScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const filePages = pages(FILE_PAGES, 'new');
  return Object.fromEntries([
    named('wide: replaceFile', {
      file: 'data',
      data: filePages,
      write: (fs, path, data) => api.replaceFile(path, data, { fs }),
      observe: seeFile,
    }),
    named('wide: updateJson', {
      file: 'state.json',
      // With the text of the document around it, as many pages.
      data: filePages.slice(100),
      write: (fs, path, text) =>
        api.updateJson<object>(path, () => ({ text }), { fs, initial: {} }),
      observe: seeFile,
    }),
    named('wide: appendRecords', {
      file: 'log.jsonl',
      data: pages(LOG_PAGES, 'new'),
      write: (fs, path, text) => api.appendRecords(path, [{ text }], { fs }),
      observe: async (fs, path) => {
        const lengths: number[] = [];
        for await (const { text } of api.readRecords<{ text: string }>(path, { fs })) {
          lengths.push(text.length);
        }
        return lengths.join(' ');
      },
      mayStay: (left) => /\/log\.[^/]+$/.test(left),
    }),
    named('wide: publishDirectory', {
      file: 'tree',
      data: filePages,
      write: (fs, path, text) =>
        api.publishDirectory(path, (stage) => stage.write('leaf', text), {
          fs,
          ifExists: 'replace',
        }),
      observe: seeTree,
    }),
  ]);
}

function named(name: string, wide: WideWrite): readonly [string, ScenarioAt] {
  const { file, data, write, observe, mayStay } = wide;
  const scenarioAt: ScenarioAt = (root) => {
    const path = `${root}/${file}`;
    const put = async (fs: Fs, text: string): Promise<void> => void (await write(fs, path, text));
    return scenarioOfSteps({
      name,
      root,
      setup: (fs) => put(fs, 'old'),
      steps: [{ label: 'write', call: (fs) => put(fs, data) }],
      observe: (fs) => observe(fs, path),
      nextRun: (fs) => put(fs, 'next'),
      ...(mayStay && { mayStay }),
    });
  };
  return [name, scenarioAt];
}
