/** Everything that a budget has to be explored, cut into pieces. */
import type { ScenarioAt, ScenarioModule } from '@holdfast/crashkit';
import type { AnyEngine, ReportArguments } from './arguments.js';
import { budgets, familyNames, type FamilyName } from './budget.js';
import { engineNames, filesystemsFor } from './engines.js';
import { moduleUrl, type ReportTask } from './task.js';

/**
 * The scenarios of the core, the same with its synchronous calls, and those of what writes a
 * mosaic.
 */
const modules = [
  'proof/dist/scenarios/holdfast.js',
  'proof/dist/scenarios/holdfast-sync.js',
  'proof/dist/scenarios/tiled-vrt.js',
];
const SHARDS = 16;
/** What takes long comes first, so that no process works alone in the end. */
const runOrder: readonly AnyEngine[] = ['power', 'side-by-side', 'error', 'sequences', 'kill'];

/** In the order of the report. */
export async function allTasks(args: ReportArguments): Promise<readonly ReportTask[]> {
  const ofScenarios = await Promise.all(modules.map((module) => tasksOf(args, module)));
  return [...familyNames.flatMap((family) => tasksOfFamily(args, family)), ...ofScenarios.flat()];
}

/** In the order in which they are best run. */
export function inRunOrder(tasks: readonly ReportTask[]): readonly ReportTask[] {
  return tasks.toSorted((a, b) => placeInRun(a) - placeInRun(b));
}

function placeInRun(task: ReportTask): number {
  const place = runOrder.indexOf(task.kind === 'generated' ? task.family : task.engine);
  return place < 0 ? runOrder.length : place;
}

function tasksOfFamily(args: ReportArguments, family: FamilyName): readonly ReportTask[] {
  const { budget, engines, part } = args;
  if (!engines.includes(family)) return [];
  return Array.from({ length: SHARDS }, (_, shard) => ({
    kind: 'generated',
    family,
    budget,
    part,
    shard,
    shards: SHARDS,
  }));
}

async function tasksOf(args: ReportArguments, module: string): Promise<readonly ReportTask[]> {
  const { scenarios } = (await import(moduleUrl(module))) as ScenarioModule;
  return Object.keys(scenarios)
    .filter((name) => name.includes(args.part))
    .flatMap((name) => tasksFor(args, module, name, scenarios[name] as ScenarioAt));
}

function tasksFor(
  { budget, engines }: ReportArguments,
  module: string,
  name: string,
  scenarioAt: ScenarioAt,
): readonly ReportTask[] {
  return engineNames
    .filter((engine) => engines.includes(engine))
    .flatMap((engine) =>
      filesystemsFor(engine, name, scenarioAt, budgets[budget]).map((filesystem) => ({
        kind: 'scenario',
        budget,
        engine,
        filesystem,
        name,
        module,
      })),
    );
}
