/**
 * A program for tests: one writer of a shared document.
 *
 *   document-writer.js json|manifest PATH NAME COUNT
 *
 * Each update writes one list at the keys NAME-<i>, linux-64, conda, and is acknowledged by a line
 * on standard output. COUNT 0 goes on until it is killed.
 */
import { writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { EnvironmentManifest } from '@holdfast/metaflow';
import { updateJson, type JsonObject } from 'holdfast';

const [kind = '', path = '', name = '', count = '0'] = process.argv.slice(2);

async function writeByUpdateJson(key: string, value: number[]): Promise<void> {
  await updateJson(path, (document) => {
    const environment = (document[key] ??= {}) as JsonObject;
    environment['linux-64'] = { conda: value };
  });
}

const flowDirectory = dirname(path);
const manifest = new EnvironmentManifest(dirname(flowDirectory), basename(flowDirectory));

const last = count === '0' ? Infinity : Number(count);
for (let i = 0; i < last; i += 1) {
  const key = `${name}-${i}`;
  if (kind === 'json') await writeByUpdateJson(key, [i]);
  else await manifest.write([key, 'linux-64', 'conda'], [i]);
  writeSync(1, `${key}\n`);
}
