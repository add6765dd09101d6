/**
 * What the common ways to save a file can lose in a crash. Each saves a small JSON document over an
 * older one and says so; crashkit follows it through strace, and checks every state that a power
 * loss may leave. What is printed was seen: each loss has a trace, kept as a file for
 * `holdfast crashtest --replay`.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crashTest, saveViolation, type CrashTest } from '@holdfast/crashkit';
import type { BenchOptions } from './bench-options.js';

const nodeModules = fileURLToPath(new URL('../../node_modules', import.meta.url));
const TEXT = `'{"version":2}'`;

/** Each is a module of its own, as a user would write it. */
const programs: Readonly<Record<string, string>> = {
  'fs.writeFile': `import { writeFile } from 'node:fs/promises';
    await writeFile('state.json', ${TEXT});`,
  'write-file-atomic': `import writeFileAtomic from 'write-file-atomic';
    await writeFileAtomic('state.json', ${TEXT});`,
  atomically: `import { writeFile } from 'atomically';
    await writeFile('state.json', ${TEXT});`,
  steno: `import { Writer } from 'steno';
    await new Writer('state.json').write(${TEXT});`,
  conf: `import Conf from 'conf';
    new Conf({ cwd: process.cwd(), configName: 'state', projectName: 'p' }).set('version', 2);`,
  'holdfast replaceFile': `import { replaceFile } from 'holdfast';
    await replaceFile('state.json', ${TEXT});`,
  'holdfast updateJson': `import { updateJson } from 'holdfast';
    await updateJson('state.json', (state) => ({ ...state, version: 2 }));`,
};

const TORN = 'neither the old document nor the new';
const LOST = 'the new document was acknowledged and is lost';

/** In shell, since it runs once for each state. */
const check = `content=$(tr -d ' \\n\\t' 2>/dev/null < state.json)
case "$content" in
  '{"version":1}' | '{"version":2}') ;;
  *) echo '${TORN}' >&2; exit 1 ;;
esac
case "$HOLDFAST_ACKNOWLEDGED" in
  *saved*) [ "$content" = '{"version":2}' ] || { echo '${LOST}' >&2; exit 1; } ;;
esac`;

export async function benchPeerCrashes({ quick }: BenchOptions): Promise<void> {
  const traces = mkdtempSync(join(tmpdir(), 'holdfast-peer-crashes-'));
  const rows: string[][] = [];
  for (const [name, program] of Object.entries(programs)) {
    const result = await testProgram(program, quick ? 60 : 2000);
    rows.push([name, ...losses(name, result, traces), String(result.states)]);
  }
  console.log('| saved by | torn | acknowledged and lost | states checked |');
  console.log('| --- | --- | --- | --- |');
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
  console.log(`Traces: ${traces} (holdfast crashtest --replay FILE --into DIRECTORY)`);
}

async function testProgram(program: string, maxStates: number): Promise<CrashTest> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-peer-'));
  try {
    symlinkSync(nodeModules, join(directory, 'node_modules'));
    writeFileSync(join(directory, 'state.json'), '{"version":1}');
    writeFileSync(join(directory, 'program.mjs'), `${program}\nconsole.log('ACK saved');\n`);
    return await crashTest({ command: ['node', 'program.mjs'], check, directory, maxStates });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** For each kind of loss the file with its trace, or `no`. */
function losses(name: string, result: CrashTest, traces: string): string[] {
  return [TORN, LOST].map((kind, index) => {
    const violation = result.violations.find(({ message }) => message === kind);
    if (!violation) return 'no';
    const file = `${name.replaceAll(' ', '-')}-${index === 0 ? 'torn' : 'lost'}.json`;
    mkdirSync(traces, { recursive: true });
    saveViolation(join(traces, file), violation);
    return `**yes** (${file})`;
  });
}
