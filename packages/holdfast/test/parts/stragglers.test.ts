/**
 * Stragglers: the process of a part is stopped before each of its calls of the filesystem, and goes
 * on when everything is over.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { abandonParts, beginParts, joinParts } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { fillPart } from './fill-part.js';

const isWindows = process.platform === 'win32';

/** Where a sync costs nothing, if there is such a place: each test makes thousands. */
const inside = existsSync('/dev/shm') ? '/dev/shm' : undefined;

interface Straggler {
  /** Lets it write part 0, and stop before its `step`th call; or says what came of the part. */
  start(session: { path: string; id: string }, step: number): Promise<string>;
  /** Lets it go on; what came of the part. */
  goOn(): Promise<string>;
}

function straggler(t: TestContext): Straggler {
  const program = fileURLToPath(new URL('./stopped-part.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => String((await lines.next()).value);
  return {
    start: (session, step) => {
      child.stdin.write(`${JSON.stringify({ ...session, step })}\n`);
      return nextLine();
    },
    goOn: async () => {
      // Again and again: it may have said that it stops, and not yet have done so.
      const timer = setInterval(() => child.kill('SIGCONT'), 5);
      try {
        return await nextLine();
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** Every file below a directory with its content. */
function treeOf(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`);
  return Object.fromEntries(
    paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}

const whole = {
  'a.txt': 'a'.repeat(5000),
  'b.txt': 'b'.repeat(5000),
  'deep/a/x': '0',
  'deep/b/x': '1',
};

/** What happens while the straggler is stopped, and what is true once it has gone on. */
interface Meanwhile {
  readonly happens: (path: string, id: string) => Promise<void>;
  /** What comes of its part. */
  readonly ends: string;
  /** Names beside the target. */
  readonly left: (path: string) => Promise<readonly string[]>;
}

async function inEveryStep(t: TestContext, { happens, ends, left }: Meanwhile): Promise<void> {
  const other = straggler(t);
  let step = 1;
  let doneAtTheEnd = 0;
  for (; ; step += 1) {
    const root = temporaryDirectory(t, inside);
    const path = `${root}/out`;
    const { id } = await beginParts(path, { partCount: 2 });
    const said = await other.start({ path, id }, step);
    if (said === 'done') break;
    assert.equal(said, 'stops');
    await happens(path, id);
    const result = await other.goOn();
    // Its last steps come after its last look at the session.
    if (result !== ends || doneAtTheEnd > 0) {
      assert.equal(result, 'done', `step ${step}`);
      doneAtTheEnd += 1;
    }
    assert.deepEqual(readdirSync(root).toSorted(), await left(path), `step ${step}`);
  }
  t.diagnostic(`${step - 1} steps, ${doneAtTheEnd} of them after the last look`);
  assert.ok(doneAtTheEnd <= 4, `${doneAtTheEnd} steps after the last look`);
  assert.ok(step > 30, `it made only ${step - 1} calls`);
}

async function writeAll(path: string, id: string): Promise<void> {
  const session = await joinParts(path, id);
  for (const part of [0, 1]) await session.writePart(part, (stage) => fillPart(stage, part));
}

test('a part that goes on after the commit, from any step, is done and changes nothing', async (t) => {
  // Its directory cannot be renamed while its files are open.
  if (isWindows) return;
  await inEveryStep(t, {
    happens: async (path, id) => {
      await writeAll(path, id);
      await (await joinParts(path, id)).commit();
    },
    ends: 'done',
    left: async (path) => {
      assert.deepEqual(treeOf(path), whole);
      return ['.out.session.json', 'out', 'out.lock'];
    },
  });
});

test('a part that goes on after its session was abandoned, from any step, is told so and leaves nothing', async (t) => {
  if (isWindows) return;
  await inEveryStep(t, {
    happens: async (path, id) => void (await abandonParts(path, id)),
    ends: 'SESSION_GONE',
    left: async () => ['out.lock'],
  });
});

test('a part that goes on while there is a second session, from any step, changes nothing of it', async (t) => {
  if (isWindows) return;
  let second = '';
  await inEveryStep(t, {
    happens: async (path, id) => {
      await abandonParts(path, id);
      ({ id: second } = await beginParts(path, { partCount: 2, job: 'another' }));
      await (await joinParts(path, second)).writePart(1, (stage) => fillPart(stage, 1));
    },
    ends: 'SESSION_GONE',
    left: async (path) => {
      const session = await joinParts(path, second);
      assert.deepEqual(await session.progress(), {
        state: 'open',
        partCount: 2,
        done: [1],
        begun: [],
      });
      await writeAll(path, second);
      await session.commit();
      assert.deepEqual(treeOf(path), whole);
      return [`.out.session-${second}`, 'out.lock'];
    },
  });
});
