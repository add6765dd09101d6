/**
 * The failures that users of other packages report, run against each of them and against Holdfast:
 * prints the table of the README. Each cell is what happened just now, on this machine.
 *
 * Every write happens in a process of its own, so that it can be killed, traced and put into a
 * namespace. Rows that need root (mounting a small disk, process id namespaces), strace, setfattr
 * or setfacl say so when they cannot run.
 */
import { execFileSync, spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import type { BenchOptions } from './bench-options.js';

interface Peer {
  readonly name: string;
  /** Defines `write(path, text)`; absent for a package that only locks. */
  readonly write?: string;
  /** Defines `increment(path)`: adds one to `n` of a JSON document, as its users would. */
  readonly increment: string;
  /** Defines `hold(path)`, which takes the package's lock; absent where there is none. */
  readonly hold?: string;
}

const readAndWrite = `
  import { readFileSync } from 'node:fs';
  const increment = async (path) => {
    const { n } = JSON.parse(readFileSync(path, 'utf8'));
    await write(path, JSON.stringify({ n: n + 1 }));
  };`;
const openConf = `
  const open = (path) => new Conf({ cwd: dirname(path), configName: basename(path), fileExtension: '' });`;
const conf = `
  import Conf from 'conf';
  import { basename, dirname } from 'node:path';
  ${openConf}`;
/** As an override of npm has it: what conf asks for is another package. */
const confOverDropIn = `
  import { register } from 'node:module';
  import { basename, dirname } from 'node:path';
  register('data:text/javascript,' + encodeURIComponent(\`
    export const resolve = (name, context, next) =>
      next(name === 'atomically' ? '@holdfast/atomically' : name, context);\`));
  const { default: Conf } = await import('conf');
  ${openConf}`;
const writeFileAtomic = (name: string): string => `import write from '${name}';`;
const properLockfile = (name: string): string => `
  import lockfile from '${name}';
  const hold = (path) =>
    lockfile.lock(path, { realpath: false, stale: 2000, retries: { retries: 1000, minTimeout: 5, maxTimeout: 20 } });`;

/** A package that replaces a file, by a statement that defines `write`. */
function writer(name: string, statement: string): Peer {
  return { name, write: statement, increment: statement + readAndWrite };
}

function store(name: string, opening: string): Peer {
  return {
    name,
    write: `${opening} const write = async (path, text) => open(path).set('text', text);`,
    increment: `
      ${opening}
      const increment = async (path) => {
        const store = open(path);
        store.set('n', store.get('n') + 1);
      };`,
  };
}

/** A package that locks, and the one that users write with under its lock. */
function locker(name: string, writeWith: string): Peer {
  return {
    name,
    hold: properLockfile(name),
    increment: `
      ${properLockfile(name)} ${writeFileAtomic(writeWith)} ${readAndWrite.replace('increment', 'addOne')}
      const increment = async (path) => {
        const release = await hold(path);
        await addOne(path);
        await release();
      };`,
  };
}

const peers: readonly Peer[] = [
  {
    name: 'holdfast',
    write: `import { replaceFile as write } from 'holdfast';`,
    increment: `
      import { updateJson } from 'holdfast';
      const increment = (path) => updateJson(path, ({ n }) => ({ n: n + 1 }));`,
    hold: `import { acquireLock as hold } from 'holdfast';`,
  },
  writer('write-file-atomic', writeFileAtomic('write-file-atomic')),
  writer('@holdfast/write-file-atomic', writeFileAtomic('@holdfast/write-file-atomic')),
  writer('atomically', `import { writeFile as write } from 'atomically';`),
  writer('@holdfast/atomically', `import { writeFile as write } from '@holdfast/atomically';`),
  writer(
    'steno (lowdb)',
    `
      import { Writer } from 'steno';
      const write = (path, text) => new Writer(path).write(text);`,
  ),
  writer(
    '@holdfast/lowdb',
    `
      import { TextFile } from '@holdfast/lowdb';
      const write = (path, text) => new TextFile(path).write(text);`,
  ),
  store('conf', conf),
  store('conf over @holdfast/atomically', confOverDropIn),
  locker('proper-lockfile', 'write-file-atomic'),
  locker('@holdfast/proper-lockfile', '@holdfast/write-file-atomic'),
];

const NOT_APPLICABLE = '–';
const writeIt = `
  const [, path, size] = process.argv;
  await write(path, 'x'.repeat(Number(size)) + 'END').catch((error) => {
    console.error(error.message);
    process.exit(1);
  });`;

interface Row {
  readonly title: string;
  /** Why the row cannot run here. */
  readonly lacks?: string | undefined;
  /** Runs it in an empty directory, and says in a few words what happened. */
  run(peer: Peer, directory: string, quick: boolean): string | Promise<string>;
}

const isRoot = process.getuid?.() === 0;

const rows: readonly Row[] = [
  { title: 'full disk', lacks: isRoot ? undefined : 'root', run: onFullDisk },
  {
    title: 'creates with O_EXCL; fsync of file / directory',
    lacks: lacksProgram('strace'),
    run: systemCalls,
  },
  { title: 'mode 0600', run: keptMode },
  { title: 'xattr', lacks: lacksProgram('setfattr'), run: keptXattr },
  { title: 'ACL', lacks: lacksProgram('setfacl'), run: keptAcl },
  { title: 'symlink / dangling symlink', run: onSymlinks },
  { title: '300-character name', run: onLongName },
  { title: 'killed before the rename', lacks: lacksProgram('strace'), run: orphanAfterKill },
  {
    title: 'two containers, one volume',
    lacks: isRoot ? lacksProgram('unshare') : 'root',
    run: inTwoContainers,
  },
  { title: 'two processes x 200 read-modify-writes', run: lostUpdates },
  { title: 'a lock holder blocks its event loop for 4 s', run: blockedHolder },
];

/** Runs every row against every peer and prints a Markdown table. */
export async function benchPeers({ quick }: BenchOptions): Promise<void> {
  console.log(`| | ${peers.map(({ name }) => name).join(' | ')} |`);
  console.log(`|---|${peers.map(() => '---').join('|')}|`);
  for (const row of rows) {
    const cells: string[] = [];
    for (const peer of peers) cells.push(await cellOf(row, peer, quick));
    console.log(`| ${row.title} | ${cells.join(' | ')} |`);
  }
}

async function cellOf(row: Row, peer: Peer, quick: boolean): Promise<string> {
  if (row.lacks !== undefined) return `not run: needs ${row.lacks}`;
  const directory = nodeFs.mkdtempSync(
    `${process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir()}/holdfast-peers-`,
  );
  try {
    return await row.run(peer, directory, quick);
  } finally {
    nodeFs.rmSync(directory, { recursive: true, force: true });
  }
}

function onFullDisk(peer: Peer, directory: string): string {
  if (peer.write === undefined) return NOT_APPLICABLE;
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'holdfast-peers', directory]);
  try {
    const path = `${directory}/a`;
    write(peer, path, 10);
    const old = read(path);
    const { status } = write(peer, path, 3_000_000);
    const left = nodeFs.readdirSync(directory).length > 1 ? ', temporary file left' : '';
    if (read(path) === old)
      return (status === 0 ? '**says done, old file**' : 'error, old file') + left;
    return (status === 0 ? '**truncated file, says done**' : '**truncated file, error**') + left;
  } finally {
    execFileSync('umount', ['--lazy', directory]);
  }
}

function systemCalls(peer: Peer, directory: string): string {
  if (peer.write === undefined) return NOT_APPLICABLE;
  const log = `${directory}/trace`;
  nodeFs.mkdirSync(`${directory}/work`);
  const path = `${directory}/work/a`;
  const traced = ['strace', '-f', '-y', '-o', log, '-e', 'trace=openat,fsync,fdatasync'];
  start(traced, `${peer.write} ${writeIt}`, [path, '10']);
  const lines = read(log)
    .split('\n')
    .filter((line) => line.includes(`${directory}/work`));
  const says = (found: boolean): string => (found ? 'yes' : '**no**');
  const exclusive = lines.some((line) => line.includes('O_EXCL'));
  const file = lines.some((line) => /(fsync|fdatasync)\(.*work\/[^>]/.test(line));
  const parent = lines.some((line) => /fsync\(.*\/work>/.test(line));
  return `${says(exclusive)}; ${says(file)} / ${says(parent)}`;
}

function keptMode(peer: Peer, directory: string): string {
  return afterReplacing(peer, directory, {
    prepare: (path) => nodeFs.chmodSync(path, 0o600),
    judge: (path) => {
      const mode = nodeFs.statSync(path).mode & 0o777;
      return mode === 0o600 ? 'kept' : `**becomes 0${mode.toString(8)}**`;
    },
  });
}

function keptXattr(peer: Peer, directory: string): string {
  return afterReplacing(peer, directory, {
    prepare: (path) => execFileSync('setfattr', ['-n', 'user.origin', '-v', 'here', path]),
    judge: (path) =>
      spawnSync('getfattr', ['-n', 'user.origin', path]).status === 0 ? 'kept' : '**lost**',
  });
}

function keptAcl(peer: Peer, directory: string): string {
  return afterReplacing(peer, directory, {
    prepare: (path) => execFileSync('setfacl', ['-m', 'u:65534:r', path]),
    judge: (path) =>
      execFileSync('getfacl', ['-cpn', path], { encoding: 'utf8' }).includes('user:65534:r')
        ? 'kept'
        : '**lost**',
  });
}

function afterReplacing(
  peer: Peer,
  directory: string,
  {
    prepare,
    judge,
  }: { readonly prepare: (path: string) => void; readonly judge: (path: string) => string },
): string {
  if (peer.write === undefined) return NOT_APPLICABLE;
  const path = `${directory}/a`;
  write(peer, path, 10);
  prepare(path);
  write(peer, path, 20);
  return judge(path);
}

function onSymlinks(peer: Peer, directory: string): string {
  if (peer.write === undefined) return NOT_APPLICABLE;
  write(peer, `${directory}/real`, 10);
  const outcomes = ['real', 'missing'].map((target) => {
    const link = `${directory}/to-${target}`;
    nodeFs.symlinkSync(target, link);
    const { status } = write(peer, link, 20);
    if (!nodeFs.lstatSync(link).isSymbolicLink()) return '**replaced**';
    return status === 0 && nodeFs.existsSync(`${directory}/${target}`) ? 'followed' : 'error';
  });
  return outcomes.join(' / ');
}

function onLongName(peer: Peer, directory: string): string {
  if (peer.write === undefined) return NOT_APPLICABLE;
  const { status } = write(peer, `${directory}/${'n'.repeat(300)}`, 10);
  if (nodeFs.readdirSync(directory).length > 0) return '**writes another file, says done**';
  return status === 0 ? '**says done, no file**' : 'error';
}

/** SIGKILL at the entry of the rename, then one more write that succeeds. */
function orphanAfterKill(peer: Peer, directory: string): string {
  if (peer.write === undefined) return NOT_APPLICABLE;
  const path = `${directory}/a`;
  const renames = 'rename,renameat,renameat2';
  const kill = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${renames}`];
  start([...kill, '-e', `inject=${renames}:signal=KILL`], `${peer.write} ${writeIt}`, [path, '10']);
  const orphans = nodeFs.readdirSync(directory);
  write(peer, path, 20);
  if (orphans.length === 0) return 'none made';
  return nodeFs.existsSync(`${directory}/${orphans[0]}`) && orphans[0] !== 'a'
    ? '**orphan stays**'
    : 'gone after the next run';
}

/**
 * Processes with the same id, in namespaces of their own, write different texts to one file again
 * and again.
 */
async function inTwoContainers(peer: Peer, directory: string, quick: boolean): Promise<string> {
  if (peer.write === undefined) return NOT_APPLICABLE;
  const path = `${directory}/a`;
  const container = ['unshare', '--pid', '--fork', '--mount-proc'];
  const rounds = quick ? 1 : 8;
  let corrupt = 0;
  for (let round = 0; round < rounds; round += 1) {
    const writers = ['a', 'b'].map((letter) =>
      finished(
        container,
        `${peer.write}
         for (let count = 0; count < 40; count += 1)
           await write(process.argv[1], '${letter}'.repeat(200_000 + count)).catch(() => undefined);`,
        [path],
      ),
    );
    if (await sawMix(path, Promise.all(writers))) corrupt += 1;
  }
  return corrupt === 0 ? 'whole' : `**corrupt in ${corrupt} of ${rounds} runs**`;
}

/** Whether anyone who reads the file meanwhile finds less than a whole text, or a mix of two. */
async function sawMix(path: string, end: Promise<unknown>): Promise<boolean> {
  const over = end.then(() => 'over');
  let mixed = false;
  while ((await Promise.race([over, new Promise(setImmediate)])) !== 'over') {
    if (nodeFs.existsSync(path)) mixed ||= isMix(read(path).replaceAll(/[^ab]/g, ''));
  }
  return mixed;
}

function isMix(text: string): boolean {
  return text.length < 200_000 || (text.includes('a') && text.includes('b'));
}

async function lostUpdates(peer: Peer, directory: string, quick: boolean): Promise<string> {
  const path = `${directory}/a`;
  const each = quick ? 20 : 200;
  nodeFs.writeFileSync(path, '{"n":0}');
  const script = `
    ${peer.increment}
    for (let count = 0; count < ${each}; count += 1)
      await increment(process.argv[1]).catch(() => undefined);`;
  await Promise.all([finished([], script, [path]), finished([], script, [path])]);
  const kept = Number(/"n":\s*(\d+)/.exec(read(path))?.[1] ?? Number.NaN);
  return kept === 2 * each ? `all ${kept} kept` : `**${kept} of ${2 * each} kept**`;
}

/** Another process must not get the lock before the blocked holder has ended. */
async function blockedHolder(peer: Peer, directory: string): Promise<string> {
  if (peer.hold === undefined) return NOT_APPLICABLE;
  const path = `${directory}/a`;
  nodeFs.writeFileSync(path, '');
  const holder = finished(
    [],
    `${peer.hold}
     await hold(process.argv[1]);
     console.log(Date.now());
     const end = Date.now() + 4000;
     while (Date.now() < end);
     console.log(Date.now());
     process.kill(process.pid, 'SIGKILL');`,
    [path],
  );
  const other = finished(
    [],
    `${peer.hold}
     await new Promise((resolve) => setTimeout(resolve, 1000));
     await hold(process.argv[1]);
     console.log(Date.now());
     process.exit();`,
    [path],
  );
  const [, endedAt = 0] = (await holder).split('\n').map(Number);
  const takenAt = Number((await other).trim());
  const overlapMs = endedAt - takenAt;
  return overlapMs > 0 ? `**two holders for ${(overlapMs / 1000).toFixed(1)} s**` : 'one holder';
}

function write(peer: Peer, path: string, sizeBytes: number): SpawnSyncReturns<string> {
  return start([], `${peer.write} ${writeIt}`, [path, String(sizeBytes)]);
}

function start(
  prefix: readonly string[],
  script: string,
  args: readonly string[],
): SpawnSyncReturns<string> {
  const [program = '', ...rest] = commandOf(prefix, script, args);
  return spawnSync(program, rest, { cwd: import.meta.dirname, encoding: 'utf8' });
}

/** Runs a script beside others, and resolves to what it printed when it has ended. */
async function finished(
  prefix: readonly string[],
  script: string,
  args: readonly string[],
): Promise<string> {
  const [program = '', ...rest] = commandOf(prefix, script, args);
  const child = spawn(program, rest, {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  return output;
}

function commandOf(prefix: readonly string[], script: string, args: readonly string[]): string[] {
  return [...prefix, process.execPath, '--input-type=module', '--eval', script, ...args];
}

function lacksProgram(program: string): string | undefined {
  return spawnSync(program, ['--version']).error ? program : undefined;
}

function read(path: string): string {
  return nodeFs.readFileSync(path, 'utf8');
}
