/** One session, joined by two machines that share a directory by NFS. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  abandonParts,
  beginParts,
  isHoldfastError,
  joinParts,
  publishDirectory,
  type PartsSession,
} from 'holdfast';
import { nfsClients } from '@holdfast/tools/testing';

const writePart = (session: PartsSession, part: number) =>
  session.writePart(part, (stage) => stage.write(`${part}.txt`, String(part).repeat(5000)));

const isGone = (error: unknown): boolean => isHoldfastError(error, 'SESSION_GONE');

test('a session that one machine begins is joined by another, and committed by either', async (t) => {
  const { a, b } = nfsClients(t);
  mkdirSync(`${a}/parts`);
  for (const [round, committer] of [b, a, b, a].entries()) {
    const name = `parts/out-${round}`;
    const options = { partCount: 4, job: round };
    // What is looked for too early stays missing for a while in the memory of a client.
    await assert.rejects(joinParts(`${b}/${name}`, '0'.repeat(20)), isGone);
    const { id } = await beginParts(`${a}/${name}`, options);
    assert.deepEqual(await beginParts(`${b}/${name}`, options), {
      id,
      partCount: 4,
      state: 'open',
    });
    const [onA, onB] = [await joinParts(`${a}/${name}`, id), await joinParts(`${b}/${name}`, id)];
    assert.deepEqual((await onB.progress()).done, []);
    await Promise.all([writePart(onA, 0), writePart(onB, 1), writePart(onA, 2), writePart(onB, 2)]);
    const session = await joinParts(`${committer}/${name}`, id);
    await assert.rejects(session.commit(), (error) => isHoldfastError(error, 'PARTS_MISSING'));
    await writePart(onB, 3);
    assert.deepEqual(await writePart(onA, 3), { part: 3, wasDone: true });
    const answers = await Promise.all([onA.commit(), onB.commit()]);
    assert.equal(answers[0].fileCount, 4);
    assert.deepEqual({ ...answers[0], path: '' }, { ...answers[1], path: '' });
    for (const mount of [a, b]) {
      const path = `${mount}/${name}`;
      const names = readdirSync(path).toSorted();
      assert.deepEqual(names, ['0.txt', '1.txt', '2.txt', '3.txt']);
      assert.equal(readFileSync(`${path}/3.txt`, 'utf8'), '3'.repeat(5000));
      assert.deepEqual(await writePart(await joinParts(path, id), 0), { part: 0, wasDone: true });
    }
    assert.ok(readdirSync(`${a}/parts`).every((each) => !each.includes('.session-')));
  }
});

test('two machines that begin at once begin one session', async (t) => {
  const { a, b } = nfsClients(t);
  mkdirSync(`${a}/begin`);
  for (let round = 0; round < 5; round += 1) {
    const options = { partCount: 1, job: round };
    const begun = await Promise.all(
      [a, b, a, b].map((mount) => beginParts(`${mount}/begin/${round}`, options)),
    );
    assert.equal(new Set(begun.map(({ id }) => id)).size, 1);
  }
});

test('a straggler on one machine, while another commits, abandons, or begins anew', async (t) => {
  const { a, b } = nfsClients(t);
  mkdirSync(`${a}/late`);
  const path = 'late/out';
  const straggle = async (id: string, meanwhile: () => Promise<unknown>) => {
    const session = await joinParts(`${a}/${path}`, id);
    return session.writePart(0, async (stage) => {
      await stage.write('0.txt', '0'.repeat(2500));
      await meanwhile();
      await stage.write('late.txt', 'late');
    });
  };
  const first = await beginParts(`${a}/${path}`, { partCount: 1, job: 1 });
  const abandoned = straggle(first.id, async () => {
    await abandonParts(`${b}/${path}`, first.id).catch(() =>
      abandonParts(`${b}/${path}`, first.id),
    );
  });
  await assert.rejects(abandoned, isGone);
  const second = await beginParts(`${b}/${path}`, { partCount: 1, job: 2 });
  const done = await straggle(second.id, async () => {
    const session = await joinParts(`${b}/${path}`, second.id);
    await writePart(session, 0);
    await session.commit();
  });
  assert.deepEqual(done, { part: 0, wasDone: true });
  assert.deepEqual(readdirSync(`${b}/${path}`), ['0.txt']);
});

test('a tree is replaced by parts of two machines', async (t) => {
  const { a, b } = nfsClients(t);
  const path = 'replaced';
  await publishDirectory(`${a}/${path}`, (stage) => stage.write('old', 'old'));
  const options = { partCount: 2, ifExists: 'replace', withoutExchange: 'twoRenames' } as const;
  const { id } = await beginParts(`${b}/${path}`, options);
  await writePart(await joinParts(`${a}/${path}`, id), 0);
  await writePart(await joinParts(`${b}/${path}`, id), 1);
  await (await joinParts(`${a}/${path}`, id)).commit();
  assert.deepEqual(readdirSync(`${b}/${path}`).toSorted(), ['0.txt', '1.txt']);
});
