/**
 * Writes a single file over the one that is there.
 *
 *   node cog-writer.js ENDPOINT LABEL
 */
import { writeCog } from '@holdfast/raster';
import { s3Store } from '#src/store/s3-store.js';
import { credentials } from '../servers.js';
import { cogOptions, file, wideRasterOf } from './raster.js';

const [endpoint, label] = process.argv.slice(2) as [string, string];
const store = s3Store({ endpoint, credentials, allowHttp: true, trusted: true });
await writeCog(file, wideRasterOf(Number(label)), { ...cogOptions, store, ifExists: 'replace' });
