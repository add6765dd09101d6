/**
 * Two users in a sticky directory and in one of their group: nobody sweeps, resumes, keeps or
 * believes what the other owns.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  startScript,
  temporaryDirectory,
  type TestUser,
  type TwoUsers,
  twoUsers,
} from '@holdfast/tools/testing';
import { encodeJournal, type Move } from '#src/journal/journal.js';

const kinds = ['sticky', 'group'] as const;
const ID = 'a'.repeat(20);

/** Makes a call as a user; gives what it resolved to, or the code of its error. */
async function as(t: TestContext, user: TestUser | 'root', call: string): Promise<unknown> {
  const script = `
    import * as h from 'holdfast';
    process.umask(0o002);
    const done = await (async () => ${call})().then((value) => ({ value }), (error) => ({ code: error.code ?? String(error) }));
    console.log(JSON.stringify(done));`;
  const line = await startScript(t, script, [], user === 'root' ? [] : user.command).nextLine();
  const { value, code } = JSON.parse(line ?? '{}') as { value?: unknown; code?: unknown };
  return code ?? value;
}

/** Makes a tree of files, all of it a user's. */
function plant(user: TestUser, path: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(path);
  chmodSync(path, 0o777);
  for (const [name, data] of Object.entries(files)) {
    writeFileSync(join(path, name), data);
    chownSync(join(path, name), user.uid, user.gid);
  }
  chownSync(path, user.uid, user.gid);
  return path;
}

const publish = (directory: string, options: object, file = 'x') =>
  `h.publishDirectory(${JSON.stringify(`${directory}/dist`)}, (stage) => stage.write('${file}', '1'), ${JSON.stringify(options)}).then(() => 'done')`;

for (const kind of kinds) {
  test(`in a ${kind} directory a sweep leaves the stages and temporary files of another user`, async (t) => {
    const users = twoUsers(t);
    const { a, b } = users;
    const directory = users.directory(kind);
    const stage = plant(b, `${directory}/.dist.staging-${ID}`, { file: 'theirs' });
    const temporary = `${directory}/.holdfast-${ID}.tmp`;
    writeFileSync(temporary, 'theirs');
    chmodSync(temporary, 0o666);
    chownSync(temporary, b.uid, b.gid);
    for (const who of [a, 'root'] as const) {
      assert.equal(await as(t, who, publish(directory, { ifExists: 'replace' })), 'done');
      const swept = await as(t, who, `h.sweepOrphans(${JSON.stringify(directory)})`);
      assert.deepEqual(
        (swept as { action: string }[]).map(({ action }) => action),
        ['left', 'left'],
      );
      assert.ok(existsSync(join(stage, 'file')) && existsSync(temporary), 'by A or root');
    }
    const own = await as(t, b, `h.sweepOrphans(${JSON.stringify(directory)})`);
    assert.deepEqual(
      (own as { action: string }[]).map(({ action }) => action),
      ['removed', 'removed'],
    );
  });

  test(`in a ${kind} directory nobody resumes the stage of another user, nor one behind a symlink`, async (t) => {
    const users = twoUsers(t);
    const { a, b } = users;
    const directory = users.directory(kind);
    const path = `${directory}/.dist.staging-resume`;
    plant(b, path, { 'install.sh': 'theirs' });
    for (const who of [a, 'root'] as const) {
      assert.equal(await as(t, who, publish(directory, { resume: true })), 'NAME_TAKEN');
      assert.ok(!existsSync(`${directory}/dist`));
    }
    const secret = plant(a, join(users.directory('group'), 'private'), { precious: '1' });
    renameSync(path, `${path}-away`);
    symlinkSync(secret, path);
    assert.equal(await as(t, a, publish(directory, { resume: true })), 'NAME_TAKEN');
    assert.deepEqual(readdirSync(secret), ['precious']);
  });

  test(`in a ${kind} directory trees that another user numbered are not counted`, async (t) => {
    const users = twoUsers(t);
    const { a, b } = users;
    const directory = users.directory(kind);
    const planted = ['2', '900000000000002', '999999999999999'].map((number) =>
      plant(b, `${directory}/dist.previous-${number}`, { theirs: '' }),
    );
    for (let round = 1; round <= 4; round += 1) {
      const options = { ifExists: 'replace', keepPrevious: 2 };
      assert.equal(await as(t, a, publish(directory, options, `round-${round}`)), 'done');
    }
    const ours = readdirSync(directory)
      .filter((name) => name.startsWith('dist.previous-'))
      .map((name) => join(directory, name))
      .filter((path) => lstatSync(path).uid === a.uid);
    assert.deepEqual(ours.flatMap((path) => readdirSync(path)).toSorted(), ['round-2', 'round-3']);
    assert.ok(planted.every((path) => existsSync(join(path, 'theirs'))));
  });

  test(`in a ${kind} directory a journal that another user made is not followed and stops no others`, async (t) => {
    const users = twoUsers(t);
    const directory = users.directory(kind);
    journalOf(users, directory, { owner: users.b, mode: 0o600 });
    for (const who of [users.a, 'root'] as const) {
      const path = JSON.stringify(`${directory}/other`);
      assert.equal(await as(t, who, `h.replaceFile(${path}, 'x').then(() => 'done')`), 'done');
      const theirs = `h.replaceFile(${JSON.stringify(`${directory}/evil`)}, 'x')`;
      assert.equal(await as(t, who, theirs), 'DAMAGED_JOURNAL', 'of a file of B');
      assert.equal(await as(t, who, `h.recover(${JSON.stringify(directory)})`), 'DAMAGED_JOURNAL');
    }
    assert.equal(readFileSync(`${directory}/private/deploy.sh`, 'utf8'), 'precious');
  });
}

test('a file of this user that others may write is no journal', async (t) => {
  for (const mode of [0o664, 0o660, 0o606]) {
    const users = twoUsers(t);
    const directory = users.directory('group');
    journalOf(users, directory, { owner: users.a, mode });
    const call = `h.replaceFile(${JSON.stringify(`${directory}/other`)}, 'x')`;
    assert.equal(await as(t, users.a, call), 'DAMAGED_JOURNAL');
    assert.equal(readFileSync(`${directory}/private/deploy.sh`, 'utf8'), 'precious');
  }
});

test('a journal moves nothing of another user where that user may rename things', async (t) => {
  for (const kind of ['group', 'ofB'] as const) {
    const users = twoUsers(t);
    const directory = users.directory(kind);
    journalOf(users, directory, { owner: 'root', mode: 0o600 });
    const call = `h.replaceFile(${JSON.stringify(`${directory}/other`)}, 'x')`;
    assert.equal(await as(t, 'root', call), 'DAMAGED_JOURNAL', kind);
    assert.equal(readFileSync(`${directory}/private/deploy.sh`, 'utf8'), 'precious');
  }
});

test('root sweeps in a directory of B what B has left, and what it has given to B', async (t) => {
  const users = twoUsers(t);
  const directory = users.directory('ofB');
  plant(users.b, `${directory}/.dist.staging-${ID}`, { file: 'theirs' });
  const swept = await as(t, 'root', `h.sweepOrphans(${JSON.stringify(directory)})`);
  assert.deepEqual(
    (swept as { action: string }[]).map(({ action }) => action),
    ['removed'],
  );
  const ownPlace = temporaryDirectory(t);
  const given = `${ownPlace}/.holdfast-${ID}.tmp`;
  writeFileSync(given, 'new content of a file of B');
  chownSync(given, users.b.uid, users.b.gid);
  assert.equal(
    await as(t, 'root', `h.replaceFile('${ownPlace}/f', 'x').then(() => 'done')`),
    'done',
  );
  assert.ok(!existsSync(given), 'where only root may make names, root made it');
});

/** Writes a journal that would put B's `evil` in the place of A's `private/deploy.sh`. */
function journalOf(
  { a, b }: TwoUsers,
  directory: string,
  { owner, mode }: { owner: TestUser | 'root'; mode: number },
): void {
  plant(a, `${directory}/private`, { 'deploy.sh': 'precious' });
  chmodSync(`${directory}/private`, 0o700);
  writeFileSync(`${directory}/evil`, 'evil');
  chownSync(`${directory}/evil`, b.uid, b.gid);
  const inode = (path: string) => lstatSync(path, { bigint: true }).ino;
  const move: Move = {
    kind: 'replaceFile',
    inode: inode(`${directory}/evil`),
    from: 'evil',
    to: 'private/deploy.sh',
    before: inode(`${directory}/private/deploy.sh`),
    trash: null,
  };
  const id = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  const path = `${directory}/.holdfast-journal`;
  writeFileSync(path, encodeJournal({ id, root: inode(directory), moves: [move] }));
  chmodSync(path, mode);
  if (owner !== 'root') chownSync(path, owner.uid, owner.gid);
}
