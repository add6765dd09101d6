/**
 * Stores that lose updates are found out, by doctor and by the first update of a process. Each is
 * of the newest version that was to be had; where one keeps its conditions one day, its test fails,
 * and docs/object-stores.md is to say so.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { publishDirectory, s3Store, updateFile, updateJson } from '@holdfast/objectstore';
import { commandLineAt } from '../command.js';
import { bucket, convictedNames, credentials, startServer } from '../servers.js';

const url = `s3://${bucket}/state.json`;

for (const name of convictedNames) {
  test(`${name} is convicted by doctor and at a first use, and used when it is trusted`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const { holdfast } = commandLineAt(t, endpoint);
    const doctor = await holdfast('doctor', url, '--allow-http');
    assert.equal(doctor.code, 1, doctor.stderr);
    assert.match(doctor.stdout, /It loses updates/);
    t.diagnostic(doctor.stdout.match(/FAILS.*/g)?.join('\n') ?? '');

    const store = s3Store({ endpoint, credentials, allowHttp: true });
    const isRefused = (error: unknown): boolean => {
      assert.ok(isHoldfastError(error, 'UNSUPPORTED_PLATFORM'), String(error));
      assert.match(error.message, /loses updates: \d of 4 .*trusted: true/s);
      return true;
    };
    await assert.rejects(
      updateJson(url, () => ({ n: 1 }), { store }),
      isRefused,
    );
    await assert.rejects(
      updateFile(url, () => 'n', { store }),
      isRefused,
    );
    await assert.rejects(
      publishDirectory(`s3://${bucket}/site`, (stage) => stage.write('a', 'a'), { store }),
      isRefused,
    );
    const left = await store.list(bucket, '');
    assert.deepEqual(left, { outcome: 'found', objects: [] });

    const command = ['json', 'set', url, '/n', '1', '--allow-http'];
    const refused = await holdfast(...command);
    assert.equal(refused.code, 6, refused.stderr);
    assert.match(refused.stderr, /trust it \(--trust-store\)/);
    const told = await holdfast(...command, '--trust-store');
    assert.equal(told.code, 0, told.stderr);
    const trusted = s3Store({ endpoint, credentials, allowHttp: true, trusted: true });
    assert.deepEqual(await updateJson(url, (value) => value, { store: trusted }), { n: 1 });
  });
}
