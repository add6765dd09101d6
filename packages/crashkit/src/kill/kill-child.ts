/**
 * The process that the kill engine kills: it runs a scenario's program on the real filesystem and
 * ends itself at the point given. What it acknowledges it writes to standard output at once.
 *
 *   node kill-child.js MODULE SCENARIO ROOT STEP MOMENT
 */
import { writeSync } from 'node:fs';
import { nodeFileSystem } from 'holdfast/os';
import { killingFs, type KillMoment } from './kill-point.js';
import { loadScenario } from './load-scenario.js';

const [module = '', name = '', root = '', step = '', moment = ''] = process.argv.slice(2);
const scenario = await loadScenario(module, name, root);
const point = { step: Number(step), moment: moment as KillMoment };
const wrap = killingFs(point, () => {
  process.kill(process.pid, 'SIGKILL');
});

await scenario.run({
  fs: wrap({ ...nodeFileSystem }),
  newProcess: () => wrap({ ...nodeFileSystem }),
  acknowledge: (label) => void writeSync(1, `ACK ${label}\n`),
});
