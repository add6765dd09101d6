/**
 * What programs take that start, do one thing and end, over a Node that does nothing; and what that
 * is made of. Processor time, too: the clock of a busy machine says little of 50 ms.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { useOf, type ProcessUse } from './process-use.js';
import { median } from './rounds.js';

interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** From the bundles that users get, and from their modules. */
const scripts: Readonly<Record<string, string>> = {
  "import('holdfast')": "await import('holdfast');",
  'one updateJson': `
    const { updateJson } = await import('holdfast');
    await updateJson('count.json', ({ count }) => ({ count: count + 1 }), { initial: { count: 0 } });`,
  'one updateJsonSync': `
    const { updateJsonSync } = await import('holdfast/sync');
    updateJsonSync('count.json', ({ count }) => ({ count: count + 1 }), { initial: { count: 0 } });`,
  'a mosaic of four tiles': `
    const { fromArray, writeTiledVrt } = await import('@holdfast/raster');
    const source = fromArray({ data: new Float32Array(1024 * 1024), width: 1024, height: 1024 });
    await writeTiledVrt('mosaic.vrt', source, { compression: 'none', ifExists: 'replace' });`,
};

/** Each has what the one before has, and one thing more. */
const partsOfOneCall: Readonly<Record<string, string>> = {
  'a module of one line': "await import('./nothing.mjs');",
  'holdfast/sync, imported': "await import('./nothing.mjs'); await import('holdfast/sync');",
  'koffi, loaded': `
    await import('./nothing.mjs'); await import('holdfast/sync');
    (await import('node:module')).createRequire(import.meta.resolve('holdfast'))('koffi');`,
  'node:crypto, for the name of the stage': `
    await import('./nothing.mjs'); await import('holdfast/sync');
    (await import('node:module')).createRequire(import.meta.resolve('holdfast'))('koffi');
    process.getBuiltinModule('node:crypto');`,
  'the call': `
    await import('./nothing.mjs'); const { updateJsonSync } = await import('holdfast/sync');
    updateJsonSync('count.json', ({ count }) => ({ count: count + 1 }), { initial: { count: 0 } });`,
  'nine calls more': `
    await import('./nothing.mjs'); const { updateJsonSync } = await import('holdfast/sync');
    for (let i = 0; i < 10; i += 1)
      updateJsonSync('count.json', ({ count }) => ({ count: count + 1 }), { initial: { count: 0 } });`,
};

const commandLine = fileURLToPath(new URL('../../packages/cli/bin/holdfast.js', import.meta.url));

/** Prints both tables. */
export function printColdStart(root: string, rounds: number): void {
  const document = `${root}/count.json`;
  const set = ['json', 'set', document, '/count', '1'];
  const modules = { NODE_OPTIONS: '--conditions=holdfast-modules' };
  print(
    'cold start',
    [
      { name: 'bare Node', command: program(root, '') },
      ...Object.entries(scripts).flatMap(([name, script]) => [
        { name, command: program(root, script) },
        { name: `${name}, not bundled`, command: program(root, script), environment: modules },
      ]),
      { name: 'holdfast json set', command: [process.execPath, commandLine, ...set] },
    ],
    rounds,
  );
  writeFileSync(`${root}/nothing.mjs`, 'export {};\n');
  writeFileSync(document, '{ "count": 0 }\n');
  print(
    'cold start, what it is made of: each line has what the lines above it have',
    [
      { name: 'bare Node', command: program(root, '') },
      ...Object.entries(partsOfOneCall).map(([name, script]) => ({
        name,
        command: program(root, script),
      })),
    ],
    rounds,
  );
  print(
    'cold start, what the command is made of',
    [
      { name: 'bare Node', command: program(root, '') },
      { name: 'commander, imported', command: program(root, "await import('commander');") },
      {
        name: 'holdfast json get',
        command: [process.execPath, commandLine, 'json', 'get', document],
      },
      { name: 'holdfast json set', command: [process.execPath, commandLine, ...set] },
    ],
    rounds,
  );
}

function program(directory: string, script: string): readonly string[] {
  // Packages are found from here, files of its own from the directory.
  const here = JSON.stringify(directory);
  const text = `process.chdir(${here});${script.replaceAll("'./", `'${directory}/`)}`;
  return [process.execPath, '--input-type=module', '--eval', text];
}

/** Medians, and those of the differences to the first in the same round. */
function print(title: string, programs: readonly Program[], rounds: number): void {
  const uses: ProcessUse[][] = programs.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    const turns = [...programs.entries()];
    for (const [index, { command, environment }] of round % 2 === 0 ? turns : turns.toReversed())
      uses[index]?.push(useOf(command, environment));
  }
  console.log(`\n${title}\n  ${''.padEnd(44)}${'processor'.padStart(20)}${'clock'.padStart(20)}`);
  for (const [index, { name }] of programs.entries()) {
    const own = uses[index] ?? [];
    const column = (key: 'processorMs' | 'wallMs'): string => {
      const over = own.map((use, round) => use[key] - (uses[0]?.[round]?.[key] ?? Number.NaN));
      const whole = median(own.map((use) => use[key])).toFixed(0);
      return `${whole} ms  +${median(over).toFixed(0).padStart(4)}`.padStart(20);
    };
    console.log(`  ${name.padEnd(44)}${column('processorMs')}${column('wallMs')}`);
  }
}
