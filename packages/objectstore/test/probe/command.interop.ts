import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'node:test';
import { repository } from '@holdfast/tools/testing';
import { bucket, credentials, startServer } from '../servers.js';

test('holdfast doctor races a store, and its exit status says whether all holds', async (t) => {
  for (const [name, status] of [
    ['versitygw', 0],
    ['gofakes3', 1],
  ] as const) {
    const { endpoint } = await startServer(t, name);
    const args = [`s3://${bucket}/state.json`, '--endpoint', endpoint, '--allow-http'];
    const env = {
      ...process.env,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    };
    const program = `${repository}packages/cli/bin/holdfast.js`;
    const ended = await promisify(execFile)(process.execPath, [program, 'doctor', ...args], {
      env,
    }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: unknown) => error as { readonly code: number; readonly stdout: string },
    );
    assert.equal(ended.code, status, ended.stdout);
    assert.match(ended.stdout, /It was not found to lose updates/);
  }
});
