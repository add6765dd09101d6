/** Everything that is fuzzed, by name. */
import type { FuzzTarget } from '../target.js';
import { json, patch } from './documents.js';
import { journal } from './journal.js';
import { manifest } from './manifest.js';
import { csv, jsonl } from './record-logs.js';
import { resumeRecord } from './resume-record.js';
import { tiff } from './tiff.js';
import { vrt } from './vrt.js';
import { zarr } from './zarr.js';

export const targets: Readonly<Record<string, FuzzTarget>> = {
  tiff,
  vrt,
  'resume-record': resumeRecord,
  manifest,
  zarr,
  json,
  patch,
  jsonl,
  csv,
  journal,
};
