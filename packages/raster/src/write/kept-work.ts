/**
 * What a run with `resume` kept for the next one: a stage that it filled in part, or tiles that it
 * published and had no time to name in an index; and the record (resume-record.ts) that says which
 * job they are of.
 *
 * All of it is looked at and moved under the lock of the mosaic. A crash in between leaves a stage
 * under the name of its old or its new place; the next run of the same job looks at both.
 */
import { basename, dirname, join } from 'node:path';
import { HoldfastError, resumableStagePath } from 'holdfast';
import { errnoOf, type Fs, inDirectoryOf, openOwnDirectory } from 'holdfast/os';
import { inItsDirectory, removeFile } from './beside.js';
import { differences, jobOf, type Job } from './job.js';
import type { MosaicPlan } from './mosaic-plan.js';
import { readRecord, recordPath, type FoundRecord } from './resume-record.js';
import type { TilesDirectory } from './tiles-directory.js';

/** The job of a run, and what an earlier run of the same job has left for it. */
export interface KeptWork {
  readonly job: Job;
  /** Where the finished tiles lie now; `undefined` when there are none. */
  readonly path: string | undefined;
  readonly record: FoundRecord | undefined;
}

/**
 * Finds what may be resumed.
 *
 * @param leftovers - tiles directories that no index names and no index has named
 * @throws HoldfastError ALREADY_EXISTS for the work of another job
 */
export async function findKeptWork(
  plan: MosaicPlan,
  leftovers: readonly TilesDirectory[],
): Promise<KeptWork> {
  const job = await jobOf(plan);
  const record = await readRecord(plan.fs, recordPath(plan.indexPath));
  const path = record && (await pathOfWork(plan, record, leftovers));
  if (record && path !== undefined) {
    const different = differences(record.job, job);
    if (different !== '') throw otherJob(path, different);
  }
  return { job, path, record };
}

async function pathOfWork(
  { fs, indexPath }: MosaicPlan,
  { tilesName }: FoundRecord,
  leftovers: readonly TilesDirectory[],
): Promise<string | undefined> {
  const tilesPath = join(dirname(indexPath), tilesName);
  const stagePath = await resumableStagePath(tilesPath, { fs });
  if (await isOwnStage(fs, stagePath)) return stagePath;
  return leftovers.find(({ path }) => basename(path) === tilesName)?.path;
}

/**
 * Whether there is a stage. One of another user is refused: its owner goes on writing in what would
 * be published.
 */
async function isOwnStage(fs: Fs, stagePath: string): Promise<boolean> {
  return inItsDirectory(fs, stagePath, async (directory, name) => {
    if (!(await fs.exists(directory.at(name)))) return false;
    const { handle } = await openOwnDirectory(fs, directory.at(name));
    await handle.close();
    return true;
  });
}

function otherJob(path: string, different: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: `An earlier run of another job (other ${different}) kept its finished tiles here. Finish that job, or discard its work: remove this directory, use holdfast raster recover --discard, or write without resume.`,
    step: 'resume',
    path,
  });
}

/** Moves what was kept to where the publish of these tiles looks for it. */
export async function offerKeptWork(
  fs: Fs,
  { path }: Pick<KeptWork, 'path'>,
  tilesPath: string,
): Promise<void> {
  const stagePath = await resumableStagePath(tilesPath, { fs });
  if (path === undefined || path === stagePath) return;
  await inDirectoryOf(fs, stagePath, (directory, name) =>
    fs.rename(directory.at(basename(path)), directory.at(name)),
  );
}

/**
 * Removes what earlier runs kept, once there is no use for it any more.
 *
 * @param tilesPath - where a stage may lie of which no record speaks
 * @returns the paths that are gone
 */
export async function discardKeptWork(
  fs: Fs,
  indexPath: string,
  tilesPath: string,
): Promise<readonly string[]> {
  const path = recordPath(indexPath);
  const isThere = await fs.exists(path);
  const record = isThere ? await readRecord(fs, path) : undefined;
  const places = new Set([tilesPath]);
  if (record) places.add(join(dirname(indexPath), record.tilesName));
  const gone: string[] = [];
  for (const place of places) {
    const stagePath = await resumableStagePath(place, { fs });
    if (await discardStage(fs, stagePath)) gone.push(stagePath);
  }
  if (isThere) {
    await removeFile(fs, path);
    gone.push(path);
  }
  return gone;
}

/**
 * Removes a stage, unless a living process fills it; says whether it is gone. What lies in it is
 * reached through the stage itself: a symlink of its name, or a directory of another user, is
 * neither followed nor touched.
 *
 * @throws HoldfastError NAME_TAKEN for these
 */
export async function discardStage(fs: Fs, stagePath: string): Promise<boolean> {
  return inItsDirectory(fs, stagePath, async (directory, stageName) => {
    if (!(await fs.exists(directory.at(stageName)))) return false;
    const { handle: stage } = await openOwnDirectory(fs, directory.at(stageName));
    try {
      if (!stage.tryLock('exclusive')) return false;
      for (const { name } of await fs.readDirectory(stage.at('.'))) await fs.unlink(stage.at(name));
      await fs.rmdir(directory.at(stageName));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    } finally {
      await stage.close();
    }
  });
}
