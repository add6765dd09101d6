/** What tests of every package share. */
export { temporaryDirectory } from './temporary-directory.js';
export { sharedData } from './shared-data.js';
export { mountFilesystem, type MountableFilesystem } from './mount-filesystem.js';
export { wasKilled, type EndedProcess } from './was-killed.js';
export { observeFs, dieAtStep, killAtStep, type FsStep, type StepObserver } from './observed-fs.js';
