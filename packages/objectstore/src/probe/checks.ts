/** What is tried of a store. */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { Written } from '../store/object-store.js';
import { RACERS, type Trial } from './trial.js';

/** One thing that is tried. */
export interface Check {
  readonly name: string;
  readonly neededFor: 'updates' | 'uploads' | 'removal';
  /** Gives what the store did wrong, or nothing. */
  readonly run: (trial: Trial) => Promise<string>;
}

export const checks: readonly Check[] = [
  {
    name: 'what is written is read back: bytes, ETag and metadata',
    neededFor: 'updates',
    async run(trial) {
      const body = randomBytes(3000);
      const name = trial.name('read-back');
      const etag = trial.committed(await trial.put(name, body, { holdfast: '@,abcdefghijkl' }));
      const found = trial.read(await trial.store.get(name, trial.options));
      if (found === undefined) return 'the object is not there';
      if (!Buffer.from(found.body).equals(body)) return 'other bytes are there';
      if (found.etag !== etag) return 'the ETag is another';
      return found.metadata['holdfast'] === '@,abcdefghijkl' ? '' : 'the metadata is another';
    },
  },
  {
    name: 'an object that is there is not created again',
    neededFor: 'updates',
    async run(trial) {
      const name = trial.name('create');
      trial.committed(await trial.create(name, '1'));
      return refusedBy(await trial.create(name, '2'));
    },
  },
  {
    name: 'an object is replaced only when its ETag is the one that is named',
    neededFor: 'updates',
    async run(trial) {
      const name = trial.name('swap');
      const old = trial.committed(await trial.create(name, '1'));
      trial.committed(await trial.swap(name, '2', old));
      return refusedBy(await trial.swap(name, '3', old));
    },
  },
  {
    name: 'an object that is gone is not replaced',
    neededFor: 'updates',
    async run(trial) {
      const etag = trial.committed(await trial.create(trial.name('gone'), '1'));
      return refusedBy(await trial.swap(trial.name('never-there'), '2', etag));
    },
  },
  {
    name: 'of many that create at once one succeeds',
    neededFor: 'updates',
    run: (trial) =>
      trial.race((round, racer) => trial.create(trial.name(`race-${round}`), `${racer}`)),
  },
  {
    name: 'of many that replace at once one succeeds',
    neededFor: 'updates',
    async run(trial) {
      const etags: string[] = [];
      for (let round = 0; round < trial.rounds; round += 1)
        etags.push(trial.committed(await trial.create(trial.name(`swaps-${round}`), 'base')));
      return trial.race((round, racer) =>
        trial.swap(trial.name(`swaps-${round}`), `${racer}`, etags[round] as string),
      );
    },
  },
  {
    name: 'of many that count at once none is lost',
    neededFor: 'updates',
    async run(trial) {
      const name = trial.name('count');
      trial.committed(await trial.create(name, '0'));
      const made = await Promise.all(Array.from({ length: RACERS }, () => trial.count(name)));
      const told = made.reduce((sum, each) => sum + each, 0);
      const counted = trial.read(await trial.store.get(name, trial.options));
      // One that got no answer may have been made.
      const lost = told - Number(Buffer.from(counted?.body ?? []).toString());
      return lost <= 0 ? '' : `${lost} of ${told} acknowledged updates were lost`;
    },
  },
  {
    name: 'an object in parts is not put in the place of one that is there',
    neededFor: 'uploads',
    async run(trial) {
      const name = trial.name('upload');
      trial.committed(await trial.create(name, '1'));
      const begun = await trial.store.createUpload(name, trial.options);
      if (begun.outcome !== 'committed') throw trial.failed(name, begun);
      const { uploadId } = begun;
      const place = { uploadId, partNumber: 1 };
      const part = await trial.store.putPart(name, place, Buffer.from('2'), trial.options);
      const parts = [{ partNumber: 1, etag: trial.committed(part) }];
      const condition = { ifNoneMatch: '*' } as const;
      const put = await trial.store.completeUpload(name, uploadId, parts, { condition });
      if (put.outcome !== 'committed') await trial.store.abortUpload(name, uploadId);
      return refusedBy(put);
    },
  },
  {
    name: 'an object is removed only when its ETag is the one that is named',
    neededFor: 'removal',
    async run(trial) {
      const name = trial.name('removal');
      const old = trial.committed(await trial.create(name, '1'));
      trial.committed(await trial.swap(name, '2', old));
      return refusedBy(await trial.store.delete(name, { ...trial.options, ifMatch: old }));
    },
  },
];

/** What is wrong with a write whose condition did not hold. */
function refusedBy(written: Written): string {
  if (written.outcome === 'precondition') return '';
  if (written.outcome === 'committed') return 'it was, and the store said that it had done so';
  return `the store refused it in another way (${written.outcome})`;
}
