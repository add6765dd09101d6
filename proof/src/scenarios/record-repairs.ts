/**
 * Record logs: appends to one that needs mending first, appends to CSV, and compaction.
 *
 * An append is not all or nothing in a crash: whole records of a call that was not acknowledged may
 * be there. So the rule is another than for calls that replace: what a reader sees is a part of all
 * records in their order, with every acknowledged one in it, and none of a call that failed and
 * said `unchanged`.
 */
import { isHoldfastError } from 'holdfast';
import type { Fs } from 'holdfast/os';
import { type Scenario, type ScenarioAt, scenarioOfSteps } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';

/** A record by its name, as long as it must be. */
interface Entry {
  readonly name: string;
  readonly text: string;
}

/** Longer than a page, so that a part of a record can be lost. */
const long = (name: string): Entry => ({ name, text: name.repeat(5000) });
const short = (name: string): Entry => ({ name, text: 'short' });

interface LogPlan {
  readonly file: string;
  /** What the log holds before, byte for byte, and the records in it. */
  readonly content?: string;
  readonly before?: readonly Entry[];
  /** Rounds one after another, each of calls side by side. */
  readonly rounds: readonly (readonly (readonly Entry[])[])[];
  /**
   * What another program puts in the place of the log after the first round, without making its
   * name durable.
   */
  readonly replacement?: string;
}

const line = (entry: Entry): string => `${JSON.stringify(entry)}\n`;
const [old, older] = [long('o'), short('p')];

const plans: Readonly<Record<string, LogPlan>> = {
  'appendRecords: after a torn tail': {
    file: 'log.jsonl',
    content: line(old) + line(short('torn')).slice(0, -3),
    before: [old],
    rounds: [[[short('a')]], [[long('b')]]],
  },
  'appendRecords: after a power loss': {
    file: 'log.jsonl',
    content: `${line(old)}{"name":"lost\0\0\0\0"}\n${line(older)}\0\0\0`,
    before: [old, older],
    rounds: [[[long('a')]]],
  },
  'appendRecords: a whole last line without its end': {
    file: 'log.jsonl',
    // Its line end is the last byte of a page, which can be lost without what is appended behind
    // it.
    content: line(old).trimEnd().padStart(8191),
    before: [old],
    rounds: [[[short('a')]]],
  },
  'appendRecords: another program replaces the log': {
    file: 'log.jsonl',
    rounds: [[[short('a')]], [[short('b')]]],
    replacement: `${line(short('a'))}\n`,
  },
  'appendRecords: CSV': { file: 'log.csv', rounds: [[[long('a')]], [[short('b'), long('c')]]] },
};

export function recordRepairScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const appends = Object.entries(plans).map(([name, plan]): [string, ScenarioAt] => [
    name,
    (root) => appendScenario(api, name, plan, root),
  ]);
  return { ...Object.fromEntries(appends), compactRecords: (root) => compactScenario(api, root) };
}

function appendScenario(api: HoldfastApi, name: string, plan: LogPlan, root: string): Scenario {
  const path = `${root}/${plan.file}`;
  return {
    name,
    root,
    // What another program does is not to fail.
    ...(plan.replacement === undefined ? {} : { engines: ['model'] }),
    setup: (fs) => (plan.content === undefined ? Promise.resolve() : put(fs, path, plan.content)),
    async run({ fs, acknowledge }) {
      for (const [round, calls] of plan.rounds.entries()) {
        const appended = calls.map(async (records, call) => {
          acknowledge(
            `${round}.${call}: ${await outcomeOf(api.appendRecords(path, records, { fs }))}`,
          );
        });
        await Promise.all(appended);
        if (round === 0 && plan.replacement !== undefined)
          await replace(fs, path, plan.replacement);
      }
    },
    async check(fs, acknowledged) {
      const seen = await readAll(api, fs, path);
      checkSeen(seen, plan, acknowledged);
      await api.appendRecords(path, [short('next')], { fs });
      const after = [...seen, ...namesOf([short('next')])].join(' ');
      const now = (await readAll(api, fs, path)).join(' ');
      if (now !== after)
        throw new Error(`after the next append a reader sees\n  ${now}\n  not ${after}`);
    },
  };
}

function checkSeen(seen: readonly string[], plan: LogPlan, acknowledged: readonly string[]): void {
  const told = new Map(acknowledged.map((label) => label.split(': ') as [string, string]));
  const calls = plan.rounds.flatMap((round, at) =>
    round.map((records, call) => ({ names: namesOf(records), outcome: told.get(`${at}.${call}`) })),
  );
  const before = namesOf(plan.before ?? []);
  const all = [...before, ...calls.flatMap(({ names }) => names)];
  const must = [
    ...before,
    ...calls.flatMap(({ names, outcome }) => (outcome === 'done' ? names : [])),
  ];
  const mustNot = calls.flatMap(({ names, outcome }) => (outcome === 'unchanged' ? names : []));
  const inOrder = all.filter((name) => seen.includes(name)).join(' ') === seen.join(' ');
  const lost = must.filter((name) => !seen.includes(name));
  const wrong = mustNot.filter((name) => seen.includes(name));
  const untyped = [...told.values()].find((outcome) => outcome.startsWith('untyped'));
  if (inOrder && lost.length === 0 && wrong.length === 0 && untyped === undefined) return;
  throw new Error(
    `after "${acknowledged.join(', ')}" a reader sees\n     ${seen.join(' ')}\n  lost: ${lost.join(' ')}; ` +
      `there against what the call said: ${wrong.join(' ')}; in order: ${inOrder}; ${untyped ?? ''}`,
  );
}

function compactScenario(api: HoldfastApi, root: string): Scenario {
  const path = `${root}/log.jsonl`;
  const twice = [short('a'), long('b'), short('a'), short('c'), short('b')];
  return scenarioOfSteps({
    name: 'compactRecords',
    root,
    setup: (fs) => put(fs, path, twice.map(line).join('')),
    observe: async (fs) => (await readAll(api, fs, path)).join(' '),
    steps: [
      { label: 'compact', call: (fs) => api.compactRecords(path, { key: 'name', fs }) },
      { label: 'append', call: (fs) => api.appendRecords(path, [long('d')], { fs }) },
    ],
    async nextRun(fs) {
      await api.compactRecords(path, { key: 'name', fs });
      await api.appendRecords(path, [long('b')], { fs });
      await api.compactRecords(path, { key: 'name', fs });
    },
    mayStay: (left) => left.includes('.torn-'),
  });
}

async function readAll(api: HoldfastApi, fs: Fs, path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, text } of api.readRecords<Entry>(path, { fs })) {
    if (![short(name), long(name)].some((entry) => entry.text === text)) {
      throw new Error(`the record ${name} is not whole`);
    }
    names.push(text === 'short' ? name : name.toUpperCase());
  }
  return names;
}

/** A long record's name is written large, so that the two are told apart. */
function namesOf(entries: readonly Entry[]): string[] {
  return entries.map(({ name, text }) => (text === 'short' ? name : name.toUpperCase()));
}

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'done';
  } catch (error) {
    return isHoldfastError(error) ? error.outcome : `untyped error ${String(error)}`;
  }
}

async function replace(fs: Fs, path: string, content: string): Promise<void> {
  await put(fs, `${path}.new`, content);
  await fs.rename(`${path}.new`, path);
}

async function put(fs: Fs, path: string, content: string): Promise<void> {
  const file = await fs.open(path, { access: 'write', create: 'exclusive' });
  await file.write(Buffer.from(content), 0);
  await file.sync();
  await file.close();
}
