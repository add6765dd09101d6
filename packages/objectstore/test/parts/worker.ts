/**
 * Makes a directory in parts, whatever of it is done.
 *
 *   node worker.js ENDPOINT URL LABEL
 */
import { s3Store } from '#src/store/s3-store.js';
import { credentials } from '../servers.js';
import { makeInParts } from './labelled-parts.js';

const [endpoint, url, label] = process.argv.slice(2) as [string, string, string];
const access = { endpoint, credentials, allowHttp: true, trusted: true, requestTimeoutMs: 5000 };
await makeInParts(url, label, s3Store(access));
