/**
 * Every sequence of up to three public calls over a small set of paths: in one directory, in two,
 * and nested. Generated, so that no combination is left out because nobody thought of it.
 */
import type { Fs } from 'holdfast/os';
import { type ScenarioAt, scenarioOfSteps } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { seeTree } from './reading.js';

/** A public call on a path of the small set. */
export interface PublicCall {
  readonly name: string;
  /** The argument numbers the call, so that each leaves something new. */
  readonly call: (fs: Fs, root: string, number: number) => Promise<unknown>;
}

/** Longer than a page, so that a part of it can be lost. */
const long = (number: number): string => `${number}`.repeat(4500);

export function publicCalls(api: HoldfastApi): readonly PublicCall[] {
  const replaceFile = (path: string): PublicCall => ({
    name: `replaceFile ${path}`,
    call: (fs, root, number) => api.replaceFile(`${root}/${path}`, long(number), { fs }),
  });
  const updateJson = (path: string): PublicCall => ({
    name: `updateJson ${path}`,
    call: (fs, root, number) =>
      api.updateJson<Record<string, number>>(
        `${root}/${path}`,
        (document) => ({ ...document, [`call ${number}`]: number }),
        { fs, initial: {} },
      ),
  });
  const appendRecords = (path: string): PublicCall => ({
    name: `appendRecords ${path}`,
    call: (fs, root, number) => api.appendRecords(`${root}/${path}`, [{ number }], { fs }),
  });
  const publishDirectory = (path: string): PublicCall => ({
    name: `publishDirectory ${path}`,
    call: (fs, root, number) =>
      api.publishDirectory(`${root}/${path}`, (stage) => stage.write('leaf', long(number)), {
        fs,
        ifExists: 'replace',
      }),
  });
  const transaction = (...paths: readonly [string, string]): PublicCall => ({
    name: `transaction ${paths.join(' ')}`,
    call: (fs, root, number) =>
      api.transaction(
        root,
        async (tx) => {
          for (const path of paths) await tx.replaceFile(`${root}/${path}`, `both ${number}`);
        },
        { fs },
      ),
  });
  return [
    replaceFile('x'),
    replaceFile('p/x'),
    replaceFile('p/q/x'),
    updateJson('j'),
    updateJson('p/j'),
    appendRecords('log'),
    publishDirectory('tree'),
    publishDirectory('p/q/tree'),
    transaction('x', 'p/x'),
    transaction('p/x', 'p/q/x'),
  ];
}

/** Files that are not what a call is about, and the log, which is read by its own call. */
const besides = /\.lock$|\.tmp$|\.staging-|journal|^log/;

/** What a reader sees of all that the calls are about. */
export async function see(api: HoldfastApi, fs: Fs, root: string): Promise<string> {
  const records: unknown[] = [];
  for await (const record of api.readRecords(`${root}/log`, { fs })) records.push(record);
  return `${JSON.stringify(records)} ${await seeTree(fs, root, besides)}`;
}

export async function makeNested(fs: Fs, root: string): Promise<void> {
  await fs.mkdir(`${root}/p`);
  await fs.mkdir(`${root}/p/q`);
}

export async function nextRun(api: HoldfastApi, fs: Fs, root: string): Promise<void> {
  await api.appendRecords(`${root}/log`, [{ next: true }], { fs });
  await api.replaceFile(`${root}/next`, 'next', { fs });
  await api.sweepOrphans(root, { fs, recursive: true });
}

/** What was put aside of a torn log has a name of its own. */
export const mayStay = (path: string): boolean => /\/log\.[^/]+$/.test(path);

/** All sequences; those of one call first. */
export function sequenceScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const calls = publicCalls(api);
  const longer = (sequences: readonly (readonly PublicCall[])[]): PublicCall[][] =>
    sequences.flatMap((sequence) => calls.map((call) => [...sequence, call]));
  const ones = longer([[]]);
  const twos = longer(ones);
  const all = [...ones, ...twos, ...longer(twos)];
  return Object.fromEntries(all.map((sequence) => scenarioOf(api, sequence)));
}

function scenarioOf(api: HoldfastApi, sequence: readonly PublicCall[]): [string, ScenarioAt] {
  const name = `sequence: ${sequence.map((call) => call.name).join(', ')}`;
  const scenarioAt: ScenarioAt = (root) =>
    scenarioOfSteps({
      name,
      root,
      setup: (fs) => makeNested(fs, root),
      steps: sequence.map(({ name: called, call }, index) => ({
        label: `${index + 1}. ${called}`,
        call: (fs) => call(fs, root, index + 1),
      })),
      recover: async (fs) => {
        await api.recover(root, { fs });
      },
      observe: (fs) => see(api, fs, root),
      mayStay,
      nextRun: (fs) => nextRun(api, fs, root),
    });
  return [name, scenarioAt];
}
