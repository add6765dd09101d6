import assert from 'node:assert/strict';
import test from 'node:test';
import { ProgressBar } from '#src/progress-bar.js';

/** A stream that keeps what it is given, and a clock that is set by hand. */
function shown(isTTY: boolean): { written: string[]; clock: { ms: number }; bar: ProgressBar } {
  const written: string[] = [];
  const clock = { ms: 0 };
  const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  return { written, clock, bar: new ProgressBar(stream, () => clock.ms) };
}

const at = (tilesDone: number): Parameters<ProgressBar['update']>[0] => ({
  tilesDone,
  tileCount: 40,
  sampleBytes: tilesDone * 1e6,
});

test('on a terminal one line is drawn again, not more often than one can see, and gone at the end', () => {
  const { written, clock, bar } = shown(true);
  for (let tilesDone = 1; tilesDone <= 20; tilesDone += 1) {
    clock.ms += 50;
    bar.update(at(tilesDone));
  }
  assert.equal(written.length, 10);
  assert.ok(written.every((text) => text.startsWith('\r') && !text.includes('\n')));
  assert.match(written.at(-1) ?? '', /█{11}░{13} 19\/40 tiles {2}20\.0 MB\/s {2}ETA 2 s/u);
  bar.end();
  assert.equal(written.at(-1), '\r\u001b[2K');
});

test('elsewhere there is at most one plain line in ten seconds', () => {
  const { written, clock, bar } = shown(false);
  for (let tilesDone = 1; tilesDone <= 40; tilesDone += 1) {
    clock.ms += 1100;
    bar.update(at(tilesDone));
  }
  bar.end();
  assert.deepEqual(
    written.map((line) => line.split(' ')[0]),
    ['1/40', '11/40', '21/40', '31/40'],
  );
  assert.equal(written[1], '11/40 tiles  0.9 MB/s  ETA 32 s\n');
});

test('without samples there is no rate', () => {
  const { written, clock, bar } = shown(false);
  clock.ms = 10_000;
  bar.update({ tilesDone: 4, tileCount: 40 });
  assert.deepEqual(written, ['4/40 tiles  ETA 1 min 30 s\n']);
});

test('long waits are told in minutes and hours', () => {
  const { written, clock, bar } = shown(false);
  clock.ms = 60_000;
  bar.update(at(4));
  clock.ms = 4 * 3_600_000;
  bar.update(at(8));
  assert.match(written[0] ?? '', /ETA 9 min 0 s/u);
  assert.match(written[1] ?? '', /ETA 16 h 0 min/u);
});
