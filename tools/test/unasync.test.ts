import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { makeTwins, strayPromises, twinsOf } from '#src/unasync.js';

const core = fileURLToPath(new URL('../../packages/holdfast', import.meta.url));

/** The twin of a module. */
function twin(text: string): string | undefined {
  return makeTwins('a.js', (path) => (path === 'a.js' ? text : undefined)).get('a.js');
}

/** What a module exports as `found`, of its twin. */
async function run(text: string): Promise<unknown> {
  const made = `data:text/javascript,${encodeURIComponent(twin(text) ?? '')}`;
  return ((await import(made)) as { readonly found: unknown }).found;
}

test('async functions, methods and generators become plain ones', async () => {
  const sample = `
    const arrow = async (n) => n + 1;
    class Counter { static async make() { return new Counter(); } async add(n) { return (await arrow(n)) + 1; } }
    async function* numbers() { yield await arrow(1); yield 2; }
    async function all() {
      const counted = await (await Counter.make()).add(1);
      const given = [];
      for await (const each of numbers()) given.push(each);
      return [counted, ...given, ...(await Promise.all([1, 2].map(async (n) => arrow(n))))];
    }
    export const found = all();`;
  assert.deepEqual(await run(sample), [3, 2, 2, 2, 3]);
});

test('a promise that is caught becomes a try, also where it may be missing', async () => {
  const sample = `
    const fail = async () => { throw new Error('failed'); };
    const missing = async () => undefined;
    async function all() {
      const handled = await fail().catch(async (error) => error.message);
      const inner = await fail().catch(() => fail().catch(() => 'twice'));
      return [handled, inner, await (await missing())?.catch(() => 0)];
    }
    export const found = all();`;
  assert.deepEqual(await run(sample), ['failed', 'twice', undefined]);
});

test('what nobody could wait for has no twin', () => {
  const refused = [
    'export const a = async () => new Promise(() => {});',
    'export const a = async () => Promise.race([b(), c()]);',
    'export const a = async () => b().then(c);',
    'export const a = async () => b().finally(c);',
  ];
  for (const sample of refused) assert.throws(() => twin(sample), /has no synchronous form/u);
});

test('modules without anything asynchronous are there once', () => {
  const modules: Readonly<Record<string, string>> = {
    'in/a.js': "import { b } from './b.js'; import { c } from '../c.js'; b(c);",
    'in/b.js': 'export async function b() {}',
    'c.js': "export { d as c } from './in/d.js';",
    'in/d.js': 'export const d = 1;',
  };
  const twins = makeTwins('in/a.js', (path) => modules[path]);
  assert.deepEqual([...twins.keys()].toSorted(), ['in/a.js', 'in/b.js']);
  assert.equal(
    twins.get('in/a.js'),
    "import { b } from './b.js'; import { c } from '../../c.js'; b(c);",
  );
});

test('a source for the synchronous form takes the place of the other one', () => {
  const modules: Readonly<Record<string, string>> = {
    'a.js': "import { b } from './b.js'; export const a = b;",
    'b.js': 'export const b = new Promise(() => {});',
    'b.sync.js': 'export const b = 1;',
  };
  const twins = makeTwins('a.js', (path) => modules[path]);
  assert.equal(twins.get('b.js'), 'export const b = 1;');
});

test('every promise of the core is awaited, returned or caught where it is made', () => {
  const names = [...twinsOf(join(core, 'dist'), 'sync.js').keys()].filter(
    (name) => name !== 'sync.js',
  );
  assert.ok(names.length > 80, `found only ${names.length} modules`);
  const sources = names.map((name) => {
    const own = join(core, 'src', name.replace(/\.js$/u, '.sync.ts'));
    return existsSync(own) ? own : own.replace(/\.sync\.ts$/u, '.ts');
  });
  assert.deepEqual(strayPromises(programOf(sources), sources), []);
});

test('a promise that is given away or kept is found', () => {
  const file = '/sample.ts';
  const text = `
    declare function a(): Promise<void>;
    declare function take(promise: Promise<void>): void;
    export async function sample() { await a(); void a(); const kept = a(); take(a()); return kept; }`;
  const host = ts.createCompilerHost({});
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const program = ts.createProgram(
    [file],
    { target: ts.ScriptTarget.ES2022, types: [] },
    {
      ...host,
      fileExists: (path) => path === file || host.fileExists(path),
      getSourceFile: (path, version) =>
        path === file ? source : host.getSourceFile(path, version),
    },
  );
  assert.deepEqual(strayPromises(program, [file]), ['/sample.ts:4', '/sample.ts:4']);
});

function programOf(files: readonly string[]): ts.Program {
  const config = ts.readConfigFile(join(core, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, core);
  return ts.createProgram(files, {
    ...options,
    composite: false,
    incremental: false,
    noEmit: true,
  });
}
