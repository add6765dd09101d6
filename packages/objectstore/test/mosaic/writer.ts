/**
 * Writes a mosaic over the one that is there.
 *
 *   node writer.js ENDPOINT LABEL [resume]
 */
import { writeTiledVrt } from '@holdfast/raster';
import { s3Store } from '#src/store/s3-store.js';
import { credentials } from '../servers.js';
import { index, options, rasterOf } from './raster.js';

const [endpoint, label, resume] = process.argv.slice(2) as [string, string, string?];
const store = s3Store({ endpoint, credentials, allowHttp: true, requestTimeoutMs: 5000 });
await writeTiledVrt(index, rasterOf(Number(label)), {
  ...options,
  store,
  ifExists: 'replace',
  keepForMs: 0,
  resume: resume !== undefined,
});
