/**
 * What lies beside an index is moved and removed while another program exchanges its directory:
 * each call at its worst instant.
 */
import assert from 'node:assert/strict';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import type { Fs } from 'holdfast/os';
import { fromArray, writeTiledVrt } from '#src/index.js';
import { removeEmptyDirectory, removeFile } from '#src/write/beside.js';
import { restoreCompanions, retireCompanions } from '#src/write/index-with-tiles.js';
import { discardStage, offerKeptWork } from '#src/write/kept-work.js';
import { manifestName, parseManifest, type Manifest } from '#src/write/manifest.js';
import { removeTiles } from '#src/write/tiles-directory.js';
import { counting } from './counting.js';

const work: Readonly<Record<string, (fs: Fs, d: string) => Promise<unknown>>> = {
  'companions go to the tiles': (fs, d) => retireCompanions(fs, `${d}/out.vrt`, `${d}/out_tiles`),
  'companions get another name': (fs, d) => retireCompanions(fs, `${d}/out.vrt`, undefined),
  'companions are brought back': (fs, d) => restoreCompanions(fs, `${d}/old.vrt`, `${d}/out_tiles`),
  'tiles are removed': (fs, d) => removeTiles(fs, `${d}/out_tiles`, manifestIn(`${d}/out_tiles`)),
  'a stage is discarded': (fs, d) => discardStage(fs, `${d}/.out_tiles.staging-resume`),
  'kept work is offered': (fs, d) =>
    offerKeptWork(fs, { path: `${d}/out_tiles` }, `${d}/new_tiles`),
  'an empty directory is removed': (fs, d) => removeEmptyDirectory(fs, `${d}/empty`),
  'a record is removed': (fs, d) => removeFile(fs, `${d}/out.vrt.resume`),
};

function manifestIn(tilesPath: string): Manifest {
  return parseManifest(readFileSync(join(tilesPath, manifestName), 'utf8')) as Manifest;
}

async function layOut(directory: string): Promise<void> {
  mkdirSync(directory);
  const source = fromArray({ data: new Uint8Array(256).fill(7), width: 16, height: 16 });
  const options = { tileSizePx: 16, threads: 0, durability: 'atomic' } as const;
  await writeTiledVrt(`${directory}/out.vrt`, source, options);
  mkdirSync(`${directory}/empty`);
  cpSync(`${directory}/out_tiles`, `${directory}/.out_tiles.staging-resume`, { recursive: true });
  for (const name of ['out.vrt.ovr', 'out.vrt.resume', 'out_tiles/holdfast-index.vrt.aux.xml'])
    writeFileSync(join(directory, name), '');
}

for (const [what, call] of Object.entries(work)) {
  test(
    `${what}, and nothing behind a symlink that takes the place of the directory`,
    {
      skip: process.platform === 'linux' ? false : 'paths through descriptors are those of Linux',
    },
    async (t) => {
      const base = temporaryDirectory(t);
      await layOut(join(base, 'fresh'));
      const [here, outside, away] = ['here', 'outside', 'away'].map((name) => join(base, name));
      const begin = (): void => {
        for (const path of [here, outside, away])
          rmSync(path as string, { recursive: true, force: true });
        for (const path of [here, outside])
          cpSync(join(base, 'fresh'), path as string, { recursive: true });
      };
      begin();
      const before = readdirSync(outside as string, { recursive: true });
      const calls: string[] = [];
      await call(
        counting((_, name) => void calls.push(name)),
        here as string,
      );
      assert.notDeepEqual(readdirSync(here as string, { recursive: true }), before);
      // Up to there the path leads where it leads.
      for (let instant = calls.lastIndexOf('realpath') + 1; instant < calls.length; instant += 1) {
        begin();
        const fs = counting((index) => {
          if (index !== instant) return;
          renameSync(here as string, away as string);
          symlinkSync(outside as string, here as string);
        });
        await call(fs, here as string).catch(() => undefined);
        const now = readdirSync(outside as string, { recursive: true });
        assert.deepEqual(now, before, `before call ${instant}, ${calls[instant]}`);
      }
    },
  );
}
