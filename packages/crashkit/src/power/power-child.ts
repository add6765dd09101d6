/**
 * The process that works on the recorded device: it runs a scenario's program on the mount, and has
 * each acknowledgement marked in the device's log before it goes on.
 *
 *   node power-child.js MODULE SCENARIO ROOT MARK-FIFO MARKED-FIFO [failing]
 */
import { nodeFileSystem } from 'holdfast/os';
import { loadScenario } from '../kill/load-scenario.js';
import { markIn } from './mark.js';

const [module = '', name = '', root = '', markPath = '', markedPath = '', failing] =
  process.argv.slice(2);
const scenario = await loadScenario(module, name, root);
await scenario.run({
  fs: { ...nodeFileSystem },
  newProcess: () => ({ ...nodeFileSystem }),
  acknowledge: (label) => markIn(markPath, markedPath, label),
  injectsErrors: failing === 'failing',
});
