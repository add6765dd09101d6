/**
 * What a run with `resume` kept for the next one: a stage that it filled in part, or tiles that it published and had no
 * time to name in an index; and the record (resume-record.ts) that says which job they are of.
 *
 * All of it is looked at and moved under the lock of the mosaic. A crash in between leaves a stage under the name of
 * its old or its new place; the next run of the same job looks at both.
 */
import { basename, dirname, join } from 'node:path';
import { HoldfastError, resumableStagePath } from 'holdfast';
import { errnoOf, type Fs } from 'holdfast/os';
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
  if (await fs.exists(stagePath)) return stagePath;
  return leftovers.find(({ path }) => basename(path) === tilesName)?.path;
}

function otherJob(path: string, different: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: `An earlier run of another job (other ${different}) kept its finished tiles here. Finish that job, or discard its work: remove this directory, use holdfast raster recover --discard, or write without resume.`,
    outcome: 'unchanged',
    step: 'resume',
    path,
  });
}

/** Moves what was kept to where the publish of these tiles looks for it. */
export async function offerKeptWork(fs: Fs, kept: KeptWork, tilesPath: string): Promise<void> {
  const stagePath = await resumableStagePath(tilesPath, { fs });
  if (kept.path !== undefined && kept.path !== stagePath) await fs.rename(kept.path, stagePath);
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
    await fs.unlink(path);
    gone.push(path);
  }
  return gone;
}

/** Removes a stage, unless a living process fills it; says whether it is gone. */
export async function discardStage(fs: Fs, stagePath: string): Promise<boolean> {
  if (!(await fs.exists(stagePath))) return false;
  const stage = await fs.openDirectory(stagePath);
  try {
    if (!stage.tryLock('exclusive')) return false;
    for (const { name } of await fs.readDirectory(stagePath))
      await fs.unlink(join(stagePath, name));
    await fs.rmdir(stagePath);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  } finally {
    await stage.close();
  }
}
