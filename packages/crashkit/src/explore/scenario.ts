/** What crashkit explores: a program, and the promises that must hold whatever happens to it. */
import type { Fs } from 'holdfast/os';

/** What a program is given to run in. */
export interface World {
  /** The filesystem of the program's first process. */
  readonly fs: Fs;
  /** Starts another process on the same disk: its own descriptors, locks and in-process state. */
  readonly newProcess: () => Fs;
  /**
   * Says that a promise was given (a call returned, an answer was sent): from here on it counts.
   */
  readonly acknowledge: (label: string) => void;
  /** Whether calls are made to fail: then a call may, and says so; otherwise none may. */
  readonly injectsErrors?: boolean | undefined;
}

/** The engines that explore scenarios. */
export type EngineName = 'model' | 'kill' | 'error' | 'race' | 'power';

/** A program to explore: how it begins, what it does, and what must hold after a crash. */
export interface Scenario {
  readonly name: string;
  /** The only engines that it is for; all by default. */
  readonly engines?: readonly EngineName[] | undefined;
  /** The directory that everything happens in. */
  readonly root: string;
  /**
   * Each process is on a machine of its own, and they share the disk by NFS: a name that was looked
   * up before is answered from memory until its directory is opened, locks on directories are not
   * seen by others, and there are no flags of renameat2(2). For the engines on the model.
   */
  readonly onNfs?: boolean | undefined;
  /** Makes the state before the program; durable when the program begins. */
  readonly setup?: ((fs: Fs) => Promise<void>) | undefined;
  /** The program. It may be cut off at any instant. */
  readonly run: (world: World) => Promise<void>;
  /**
   * Brings the disk to order after a crash, as the next start of the program would. Given apart
   * from `check` so that it can be crashed as well.
   */
  readonly recover?: ((fs: Fs) => Promise<void>) | undefined;
  /**
   * Runs on what a crash left (recovered already, if there is `recover`) and throws when a promise
   * is broken. It may read, run the program again, and look for what is left over.
   */
  readonly check: (fs: Fs, acknowledged: readonly string[]) => Promise<void>;
}

/**
 * Makes a scenario for a root directory, so that one source serves the model and real filesystems.
 */
export type ScenarioAt = (root: string) => Scenario;
