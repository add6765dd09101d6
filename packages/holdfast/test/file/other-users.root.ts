/**
 * Two users on one machine: whose symlinks are followed, who gets a secret, and who may read what
 * is set aside.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { startScript, type TestUser, twoUsers } from '@holdfast/tools/testing';
import { appendRecords, replaceFile, updateJson } from 'holdfast';

const calls = `
  import * as holdfast from 'holdfast';
  const [, path] = process.argv;
  const { appendRecords, compactRecords, listOrphans, probe, publishDirectory, readJson, readRecords, recover,
    replaceFile, sweepOrphans, transaction, updateJson, withLock } = holdfast;
  const read = async () => { for await (const each of readRecords(path + '.jsonl')) void each; };
  const calls = {
    replaceFile: () => replaceFile(path + '.jsonl', 'new'),
    readJson: () => readJson(path + '.jsonl'),
    updateJson: () => updateJson(path + '.jsonl', () => 1),
    appendRecords: () => appendRecords(path + '.jsonl', [{}]),
    readRecords: read,
    compactRecords: () => compactRecords(path + '.jsonl', { key: 'a' }),
    withLock: () => withLock(path + '.jsonl', () => undefined),
    publishDirectory: () => publishDirectory(path, (stage) => stage.write('a', 'new'), { ifExists: 'replace' }),
    transaction: () => transaction(path, (tx) => tx.replaceFile('a', 'new')),
    recover: () => recover(path),
    listOrphans: () => listOrphans(path),
    sweepOrphans: () => sweepOrphans(path),
    probe: () => probe(path),
  };
  for (const [name, call] of Object.entries(calls)) {
    console.log(name, await call().then(() => 'done', (error) => error.code ?? String(error)));
  }
  console.log('end');`;
const CALLS = 13;

async function callAll(t: TestContext, path: string, as: readonly string[]): Promise<string[]> {
  const child = startScript(t, calls, [path], as);
  const lines: string[] = [];
  for (let line = await child.nextLine(); line !== 'end'; line = await child.nextLine()) {
    assert.ok(line !== undefined, `the process ended after ${lines.join(', ')}`);
    lines.push(line);
  }
  assert.equal(lines.length, CALLS);
  return lines;
}

/** What the victim owns, and a link to it that another user has made. */
function plant(link: string, home: string, victim: number, owner: number): void {
  mkdirSync(`${home}/tree`);
  writeFileSync(`${home}/tree/mine`, 'mine');
  writeFileSync(`${home}/log.jsonl`, '{"mine":1}\n');
  for (const path of [`${home}/tree`, `${home}/tree/mine`, `${home}/log.jsonl`])
    chownSync(path, victim, victim);
  for (const [target, path] of [
    [`${home}/tree`, link],
    [`${home}/log.jsonl`, `${link}.jsonl`],
  ] as const) {
    symlinkSync(target, path);
    lchownSync(path, owner, owner);
  }
}

function homeOf(t: TestContext, users: ReturnType<typeof twoUsers>, uid: number): string {
  const home = users.directory('ofB');
  chownSync(home, uid, uid);
  return home;
}

for (const who of ['a', 'root'] as const) {
  test(`no call of ${who} follows a stranger's symlink in a sticky directory`, async (t) => {
    const users = twoUsers(t);
    const uid = who === 'root' ? 0 : users.a.uid;
    const home = homeOf(t, users, uid);
    const sticky = users.directory('sticky');
    plant(`${sticky}/link`, home, uid, users.b.uid);
    const lines = await callAll(t, `${sticky}/link`, who === 'root' ? [] : users.a.command);
    for (const line of lines) assert.match(line, /^\w+ UNSUPPORTED_TARGET$/);
    assert.equal(readFileSync(`${home}/log.jsonl`, 'utf8'), '{"mine":1}\n');
    assert.deepEqual(readdirSync(home), ['log.jsonl', 'tree']);
    assert.deepEqual(readdirSync(`${home}/tree`), ['mine']);
  });
}

test("one's own symlinks there, and those of the directory's owner, are followed", async (t) => {
  const users = twoUsers(t);
  for (const owner of [users.a.uid, 0]) {
    const home = homeOf(t, users, users.a.uid);
    const sticky = users.directory('sticky');
    plant(`${sticky}/link`, home, users.a.uid, owner);
    const lines = await callAll(t, `${sticky}/link`, users.a.command);
    assert.ok(!lines.some((line) => line.includes('UNSUPPORTED_TARGET')), lines.join('\n'));
    assert.equal(readFileSync(`${home}/tree/a`, 'utf8'), 'new');
  }
});

test('where not everybody may make names, symlinks are followed whoever made them', async (t) => {
  const users = twoUsers(t);
  for (const [mode, uid] of [
    [0o755, users.b.uid],
    [0o1755, users.b.uid],
    [0o777, 0],
  ] as const) {
    const home = homeOf(t, users, users.a.uid);
    const directory = users.directory('ofB');
    chownSync(directory, uid, uid);
    chmodSync(directory, mode);
    plant(`${directory}/link`, home, users.a.uid, users.b.uid);
    const lines = await callAll(t, `${directory}/link`, users.a.command);
    assert.ok(!lines.some((line) => line.includes('UNSUPPORTED_TARGET')), lines.join('\n'));
  }
});

test("a secret is its writer's, whoever made the old file, and no ACL of it lets anybody in", async (t) => {
  const users = twoUsers(t);
  const directory = users.directory('ofB');
  for (const [name, write] of Object.entries({
    token: (path: string) => replaceFile(path, 's3cret', { secret: true }),
    'token.json': (path: string) => updateJson(path, () => 's3cret', { secret: true }),
  })) {
    const path = `${directory}/${name}`;
    writeFileSync(path, '');
    chownSync(path, users.b.uid, users.b.gid);
    execFileSync('setfacl', ['-m', `u:${users.b.uid}:rw`, path]);
    await write(path);
    const { uid, gid, mode } = statSync(path);
    assert.deepEqual([uid, gid, mode & 0o7777], [0, 0, 0o600]);
    assert.equal(canRead(users.b, path), false);
    const list = execFileSync('getfacl', ['--omit-header', '--numeric', '--absolute-names', path], {
      encoding: 'utf8',
    });
    assert.doesNotMatch(list, new RegExp(`user:${users.b.uid}`));
  }
});

test('a secret is not written into a file of another user in place', async (t) => {
  const users = twoUsers(t);
  const directory = users.directory('ofB');
  writeFileSync(`${directory}/a`, 'old');
  chownSync(`${directory}/a`, users.b.uid, users.b.gid);
  writeFileSync(`${directory}/source`, 'old');
  chownSync(`${directory}/source`, users.b.uid, users.b.gid);
  execFileSync('mount', ['--bind', `${directory}/source`, `${directory}/a`]);
  try {
    const options = { secret: true, inPlace: 'ifNeeded' } as const;
    await assert.rejects(replaceFile(`${directory}/a`, 's3cret', options), {
      code: 'UNSUPPORTED_TARGET',
      outcome: 'unchanged',
    });
    assert.equal(readFileSync(`${directory}/source`, 'utf8'), 'old');
  } finally {
    execFileSync('umount', ['--lazy', `${directory}/a`]);
  }
});

test('set-ID bits of the old file pass to new content only when that is asked for', async (t) => {
  const users = twoUsers(t);
  const directory = users.directory('ofB');
  for (const [old, options, mode] of [
    [0o4755, {}, 0o755],
    [0o6755, {}, 0o755],
    [0o2644, {}, 0o2644],
    [0o6755, { setId: 'keep' }, 0o6755],
    [0o755, { mode: 0o4755 }, 0o4755],
  ] as const) {
    const path = `${directory}/a`;
    writeFileSync(path, 'old');
    chownSync(path, users.b.uid, users.b.gid);
    chmodSync(path, old);
    await replaceFile(path, 'new', options);
    const stat = statSync(path);
    assert.deepEqual([stat.uid, stat.gid, stat.mode & 0o7777], [users.b.uid, users.b.gid, mode]);
  }
});

test('what an append sets aside is as closed as the log: its mode, owner and ACL', async (t) => {
  const users = twoUsers(t);
  const directory = users.directory('sticky');
  const log = `${directory}/log.jsonl`;
  writeFileSync(log, '{"k":1}\n{"token":"s3cr');
  chownSync(log, users.a.uid, users.a.uid);
  chmodSync(log, 0o600);
  execFileSync('setfacl', ['-m', `u:${users.b.uid}:---`, log]);
  const umask = process.umask(0o022);
  t.after(() => process.umask(umask));
  await appendRecords(log, [{ k: 2 }]);
  const name = readdirSync(directory).find((each) => each.includes('.torn-'));
  const { uid, gid, mode } = statSync(`${directory}/${name}`);
  assert.deepEqual([uid, gid, mode & 0o777], [users.a.uid, users.a.uid, 0o600]);
  assert.equal(canRead(users.b, `${directory}/${name}`), false);
  const list = execFileSync(
    'getfacl',
    ['--omit-header', '--numeric', '--absolute-names', `${directory}/${name}`],
    { encoding: 'utf8' },
  );
  assert.match(list, new RegExp(`user:${users.b.uid}:---`));
});

test('a symlink that waits where torn bytes are set aside is not followed', async (t) => {
  const users = twoUsers(t);
  const directory = users.directory('group');
  const log = `${directory}/log.jsonl`;
  const sum = createHash('sha256').update('{"token":"s3cr').digest('hex').slice(0, 16);
  const aside = `log.jsonl.torn-${sum}`;
  writeFileSync(`${directory}/trap`, 'old');
  symlinkSync('trap', `${directory}/${aside}`);
  writeFileSync(log, '{"k":1}\n{"token":"s3cr');
  await appendRecords(log, [{ k: 2 }]);
  assert.equal(readFileSync(`${directory}/trap`, 'utf8'), 'old');
  assert.equal(readFileSync(`${directory}/${aside}`, 'utf8'), '{"token":"s3cr');
});

function canRead({ command }: TestUser, path: string): boolean {
  try {
    execFileSync('env', [...command, 'cat', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
