/** The options that every source on a GPU takes. */
import { profileNames, type RasterProfile } from '../profile.js';
import type { GpuDevice } from './webgpu.js';

/** What every source on a GPU takes. */
export interface GpuOptions {
  /**
   * The device that the samples lie on. Whoever made it keeps what it came of for as long as it is
   * used: with the package `webgpu` also the object that its `create` gave, without which the
   * process may die.
   */
  readonly device: GpuDevice;
  /**
   * How many bytes of staging buffers, through which samples come from the device, may be alive at
   * once, and how many bytes of a buffer may wait in memory for tiles to come; 64 MiB by default.
   */
  readonly stagingBytes?: number | undefined;
  /** A text that changes with the samples; needed for a write that is to be resumed. */
  readonly fingerprint?: string | undefined;
}

/** The names of {@link GpuOptions} and of the profile, for option checks. */
export const gpuOptionNames: readonly (keyof RasterProfile | keyof GpuOptions)[] = [
  ...profileNames,
  'device',
  'stagingBytes',
  'fingerprint',
];
