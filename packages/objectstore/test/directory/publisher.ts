/**
 * Publishes a directory of three files, one of them in parts, whose contents begin with a label.
 *
 *   node publisher.js ENDPOINT URL LABEL
 */
import { publishDirectory } from '#src/directory/publish-directory.js';
import { s3Store } from '#src/store/s3-store.js';
import { credentials } from '../servers.js';
import { fileNames, contentOf } from './labelled.js';

const [endpoint, url, label] = process.argv.slice(2) as [string, string, string];
const store = s3Store({
  endpoint,
  credentials,
  allowHttp: true,
  trusted: true,
  requestTimeoutMs: 5000,
});
await publishDirectory(
  url,
  async (stage) => {
    for (const name of fileNames)
      await stage.spawn(() => stage.write(name, contentOf(name, label)));
  },
  { store, ifExists: 'replace', keepForMs: 0 },
);
