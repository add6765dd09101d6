/**
 * What Holdfast promises, on the filesystems that people keep files on (docs/filesystems.md): every
 * one that this kernel and Debian's packages can mount. The others are tried in a guest kernel
 * (filesystems-in-guest.fs.ts), which runs this file too.
 */
import { kernelHas, machineHere } from './mounted.js';
import { testFilesystem } from './filesystem-checks.js';
import { setups } from './filesystem-setups.js';

for (const setup of setups) {
  if (setup.isOfGuest && setup.guest !== machineHere()) continue;
  if (kernelHas(setup.kernel)) testFilesystem(setup);
  else if (machineHere() !== undefined) {
    console.log(`##### ${setup.name}: ON NO KERNEL HERE, nothing was tried on it`);
  }
}
