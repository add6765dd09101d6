/**
 * Two users who are no friends, for tests that run as root: made for one test and removed with it.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './temporary-directory.js';

export interface TestUser {
  readonly name: string;
  readonly uid: number;
  /** Of the group that both are in. */
  readonly gid: number;
  /**
   * A command to be put before another one, which then runs as this user, with none of root's
   * rights.
   */
  readonly command: readonly string[];
}

export interface TwoUsers {
  /** The user of Holdfast. */
  readonly a: TestUser;
  /** The one that means no good. */
  readonly b: TestUser;
  /**
   * Makes an empty directory in which both may make names: `sticky` like /tmp, owned by root;
   * `group` of root and their group, mode 2775; `ofB` owned by B, which everybody may read.
   */
  directory(kind: 'sticky' | 'group' | 'ofB'): string;
}

let count = 0;

/** Makes the users and their group. */
export function twoUsers(t: TestContext): TwoUsers {
  count += 1;
  const suffix = `${process.pid}-${count}`;
  const group = `hf-g-${suffix}`;
  const [gid] = make(t, 'groupadd', 'groupdel', group, []);
  const user = (letter: string): TestUser => {
    const name = `hf-${letter}-${suffix}`;
    const options = ['--no-create-home', '--no-user-group', '--gid', group];
    const [uid] = make(t, 'useradd', 'userdel', name, options);
    const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs'];
    return { name, uid, gid, command: ['setpriv', ...ids] };
  };
  const [a, b] = [user('a'), user('b')];
  return {
    a,
    b,
    directory(kind) {
      const directory = temporaryDirectory(t);
      const [uid, mode]: readonly [number, number] = (
        { sticky: [0, 0o1777], group: [0, 0o2775], ofB: [b.uid, 0o755] } as const
      )[kind];
      chownSync(directory, uid, kind === 'group' ? gid : 0);
      chmodSync(directory, mode);
      return directory;
    },
  };
}

/** Runs the program that makes a user or a group, and has it removed again; gives its number. */
function make(
  t: TestContext,
  add: string,
  remove: string,
  name: string,
  options: readonly string[],
): [number] {
  execFileSync(add, [...options, name]);
  // A group goes after the users in it, who were made later.
  // A process of the user that has said all it has to say may still be on its way out.
  const force = remove === 'userdel' ? ['--force'] : [];
  undo(t).unshift(() => execFileSync(remove, [...force, name], { stdio: 'ignore' }));
  const database = add === 'useradd' ? 'passwd' : 'group';
  const entry = execFileSync('getent', [database, name], { encoding: 'utf8' });
  return [Number(entry.split(':')[2])];
}

const undoing = new WeakMap<TestContext, (() => void)[]>();

function undo(t: TestContext): (() => void)[] {
  const known = undoing.get(t);
  if (known) return known;
  const steps: (() => void)[] = [];
  undoing.set(t, steps);
  t.after(() => {
    for (const step of steps) step();
  });
  return steps;
}
