/** A process that ends itself with SIGKILL right before or after a step: ACTION ROOT STEP before|after. */
import { recover } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { killAtStep, observeFs } from '@holdfast/tools/testing';
import { run } from './scenario.js';

const [action, root, step, moment] = process.argv.slice(2) as [string, string, string, string];
const fs = observeFs(
  nodeFileSystem,
  killAtStep(Number(step), moment === 'before' ? 'before' : 'after'),
);
await (action === 'recover' ? recover(root, { fs }) : run(root, fs));
