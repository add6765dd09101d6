/**
 * Runs the scenarios on a copy of the core, and prints as JSON what broke: all of it, or the first thing that is not known.
 *
 *   node mutant-child.js ENTRY all|first   < JSON array of the kinds of violation that are known
 */
import { readFileSync } from 'node:fs';
import { exploreErrors, type FaultCase } from '../errors/error-engine.js';
import { explore } from '../explore/explore.js';
import { exploreRaces } from '../explore/races.js';
import { kindOf, type Violation } from '../explore/violation.js';
import type { HoldfastApi } from '../scenarios/api.js';
import { holdfastScenarios } from '../scenarios/index.js';

const [entry = '', mode = 'first'] = process.argv.slice(2);
const known = new Set(JSON.parse(readFileSync(0, 'utf8')) as string[]);
const scenarios = Object.entries(holdfastScenarios((await import(entry)) as HoldfastApi));

type Run = (scenario: (typeof scenarios)[number][1]) => Promise<readonly Violation[]>;

const limits = { exhaustiveUpTo: 2, randomPerStep: 2 };
const isOneOfMany = ({ fault, lasting }: FaultCase): boolean =>
  !lasting && ['EIO', 'short count'].includes(fault);

/** From the quickest to the slowest. */
const runs: readonly Run[] = [
  async (at) => (await explore(at('/d'), { exhaustiveUpTo: 6, randomPerStep: 12 })).violations,
  async (at) => (await exploreRaces(at('/d'), { seeds: 25 })).violations,
  async (at) => (await exploreErrors(at('/d'), { include: isOneOfMany, limits })).violations,
  async (at) =>
    (await explore(at('/d'), { recoveryDepth: 1, seed: 2, exhaustiveUpTo: 7, randomPerStep: 24 }))
      .violations,
];

const seen: { kind: string; text: string }[] = [];
for (const run of runs) {
  for (const [name, at] of scenarios) await collect(name, at, run);
}
finish();

async function collect(name: string, at: Parameters<Run>[0], run: Run): Promise<void> {
  for (const violation of await violationsOf(at, run)) {
    const kind = `${name}: ${kindOf(violation.message)}`;
    if (known.has(kind)) continue;
    const text = `${name} (${violation.engine}): ${violation.message.split('\n').join(' ')}`;
    seen.push({ kind, text });
    if (mode === 'first') finish();
  }
}

/** A scenario that cannot even run without a crash shows that, too. */
async function violationsOf(at: Parameters<Run>[0], run: Run): Promise<readonly Violation[]> {
  try {
    return await run(at);
  } catch (error) {
    const message = `fails without any crash: ${String(error)}`;
    const { name } = at('/d');
    return [
      { engine: 'model', scenario: name, seed: 1, message, trace: [], acknowledged: [], tree: [] },
    ];
  }
}

function finish(): never {
  process.stdout.write(JSON.stringify(seen));
  process.exit(0);
}
