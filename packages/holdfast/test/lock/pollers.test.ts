/**
 * Programs that poll a lock, beside a loop that takes it again and again; on a filesystem that
 * tells of them what the test says.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { nodeFileSystem } from 'holdfast/os';
import { Pollers } from '#src/lock/pollers.js';

const SOON_MS = 600;

class Loop {
  readonly pollers = new Pollers();
  #events = { opened: 0, closed: 0 };
  #now = 1e6;

  constructor(t: TestContext) {
    t.mock.method(performance, 'now', () => this.#now);
    const take = (): { opened: number; closed: number } => {
      const taken = this.#events;
      this.#events = { opened: 0, closed: 0 };
      return taken;
    };
    const fs = { ...nodeFileSystem, watchOpens: () => ({ take, close: () => undefined }) };
    this.pollers.lookOut(fs, '/a.lock');
  }

  others(opened: number, closed: number): void {
    this.#events.opened += opened;
    this.#events.closed += closed;
  }

  /**
   * This process opens the file, has the lock while others do what they do, and closes the file.
   */
  hold(opened: number, closed: number, ownWaiters = false): void {
    this.others(1, 0);
    this.pollers.began();
    this.others(opened, closed);
    this.pollers.ended(() => ownWaiters);
    this.others(0, 1);
    this.#now += SOON_MS;
  }

  pauseMs(): number {
    return this.pollers.pauseMs();
  }
}

test('a loop that nobody else opens the file beside leaves no lock free', (t) => {
  const loop = new Loop(t);
  for (let turn = 0; turn < 20; turn += 1) {
    loop.hold(0, 0);
    // After 4 seconds, and twice as long each time: somebody may have opened it before.
    assert.equal(loop.pauseMs(), [6, 20].includes(turn) ? 270 : 0, `turn ${turn}`);
  }
});

test('one that opens the file for each try gets a pause, and half a second later the next', (t) => {
  const loop = new Loop(t);
  loop.hold(2, 2);
  assert.equal(loop.pauseMs(), 60);
  assert.equal(loop.pauseMs(), 0);
  loop.hold(0, 0);
  assert.equal(loop.pauseMs(), 0);
  loop.hold(1, 1);
  assert.equal(loop.pauseMs(), 60);
});

test('one that keeps the file open gets a longer pause, and seldom again if it does not take the lock', (t) => {
  const loop = new Loop(t);
  loop.hold(1, 0);
  assert.equal(loop.pauseMs(), 270);
  // By the clock of the test a turn is 600 ms: it is asked after 1 second, 2 seconds, 4 seconds.
  for (let turn = 0; turn < 20; turn += 1) {
    loop.hold(0, 0);
    assert.equal(loop.pauseMs(), [2, 6, 14].includes(turn) ? 270 : 0, `turn ${turn}`);
  }
  loop.hold(1, 0);
  assert.equal(loop.pauseMs(), 270, 'another one has come');
  // It takes the lock, and closes the file when it frees it. The other one may have waited too.
  loop.others(0, 1);
  loop.hold(0, 0);
  assert.equal(loop.pauseMs(), 0);
  loop.hold(1, 0);
  assert.equal(loop.pauseMs(), 270);
});

test('processes of Holdfast that wait, and keep the file open, need no pause', (t) => {
  const loop = new Loop(t);
  loop.hold(1, 0, true);
  assert.equal(loop.pauseMs(), 0);
  loop.hold(0, 0);
  assert.equal(loop.pauseMs(), 270);
});

test('one that opened the file before the look-out began and closes it hides nobody', (t) => {
  const loop = new Loop(t);
  loop.others(0, 1);
  loop.hold(0, 0);
  assert.equal(loop.pauseMs(), 0);
  loop.hold(1, 0);
  assert.equal(loop.pauseMs(), 270);
});
