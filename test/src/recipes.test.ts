/**
 * The recipes of docs/recipes.md, each run as its reader would run it, by several processes where
 * it says so.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const recipes = fileURLToPath(new URL('../../examples/dist/recipes/', import.meta.url));

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  cwd: string,
  name: string,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<Run> {
  const child = spawn(process.execPath, [join(recipes, `${name}.js`), ...args], {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await exit;
  return { status, stdout, stderr };
}

async function runWell(...args: Parameters<typeof run>): Promise<string> {
  const { status, stdout, stderr } = await run(...args);
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test('settings: runs of the tool side by side lose none, and a broken file is not overwritten', async (t) => {
  const home = temporaryDirectory(t);
  const environment = { XDG_CONFIG_HOME: home };
  const names = ['colour', 'editor', 'pager', 'theme', 'width'];
  await Promise.all(names.map((name) => runWell(home, 'cli-settings', [name, '1'], environment)));
  const path = join(home, 'my-tool', 'settings.json');
  const settings = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
  assert.deepEqual(Object.keys(settings).toSorted(), names);

  writeFileSync(path, '{"colour": "1",');
  const { status, stderr } = await run(home, 'cli-settings', ['colour', '2'], environment);
  assert.equal(status, 1);
  assert.match(stderr, /is not JSON/u);
  assert.equal(readFileSync(path, 'utf8'), '{"colour": "1",');
});

test('a token: of several processes that find it stale one refreshes it, and all use the new one', async (t) => {
  const directory = temporaryDirectory(t);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push((JSON.parse(body) as { refresh: string }).refresh);
      const n = asked.length;
      const token = { access: `a${n}`, refresh: `r${n}`, expiresAt: Date.now() + 3_600_000 };
      response.end(JSON.stringify(token));
    });
  });
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const environment = {
    TOKEN_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    REFRESH_TOKEN: 'r0',
  };
  const tokens = await Promise.all(
    Array.from({ length: 4 }, () => runWell(directory, 'fresh-token', [], environment)),
  );
  assert.deepEqual(tokens, ['a1', 'a1', 'a1', 'a1']);
  assert.deepEqual(asked, ['r0']);
  if (process.platform !== 'win32') {
    assert.equal(statSync(join(directory, 'token.json')).mode & 0o777, 0o600);
  }
});

test('a cache: of several processes that build the same one publishes, and all find it whole', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'input.txt'), 'three short words');
  const paths = await Promise.all(
    Array.from({ length: 4 }, () => runWell(directory, 'build-cache', ['input.txt'])),
  );
  assert.equal(new Set(paths).size, 1);
  assert.equal(readFileSync(join(directory, paths[0]!, 'upper.txt'), 'utf8'), 'THREE SHORT WORDS');
  assert.equal(readFileSync(join(directory, paths[0]!, 'words/count.txt'), 'utf8'), '3');
  assert.deepEqual(
    readdirSync(join(directory, 'cache')).filter((name) => name.includes('.staging-')),
    [],
  );
});

test('a job log: no record of any worker is lost, and compacting keeps the last of each job', async (t) => {
  const directory = temporaryDirectory(t);
  const jobsOf = (worker: number) => Array.from({ length: 5 }, (_, job) => `${worker}-${job}`);
  await Promise.all(
    [1, 2, 3].map((worker) => runWell(directory, 'job-log', ['run', ...jobsOf(worker)])),
  );
  const lines = () => readFileSync(join(directory, 'jobs.jsonl'), 'utf8').trimEnd().split('\n');
  assert.equal(lines().length, 30);
  assert.equal(await runWell(directory, 'job-log', ['open']), '[]');
  await runWell(directory, 'job-log', ['compact']);
  assert.equal(lines().length, 15);
  assert.equal((await run(directory, 'job-log', ['nonsense'])).status, 2);
});

test('a release: its files change together, and releases side by side follow one another', async (t) => {
  const directory = temporaryDirectory(t);
  const versions = ['1.0.0', '1.1.0', '2.0.0'];
  await Promise.all(versions.map((version) => runWell(directory, 'release', [version])));
  const read = (name: string) => readFileSync(join(directory, 'site', name), 'utf8');
  const version = read('VERSION').trim();
  assert.ok(versions.includes(version));
  assert.match(read('current/index.html'), new RegExp(`Release ${version}<`, 'u'));
  assert.deepEqual(JSON.parse(read('counter.json')), { releases: 3 });
  assert.ok(!existsSync(join(directory, 'site', '.holdfast-journal')));
});

test('a raster on a server: it is read while it is replaced, each time of one generation', async (t) => {
  const directory = temporaryDirectory(t);
  const sizePx = 300;
  const data = Float32Array.from({ length: sizePx * sizePx }, (_, i) => i % sizePx);
  const whole = fromArray({ data, width: sizePx, height: sizePx });
  await writeTiledVrt(join(directory, 'input.vrt'), whole, { tileSizePx: 512 });
  const output = await runWell(directory, 'raster-on-a-server', ['input_tiles/tile_00_00.tif']);
  const { tileCount, means } = JSON.parse(output) as { tileCount: number; means: number[] };
  assert.equal(tileCount, 4);
  for (const mean of means) assert.ok(Math.abs(mean - (sizePx - 1) / 2) < 2, String(mean));
});
