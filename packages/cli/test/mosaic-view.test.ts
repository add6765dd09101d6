import assert from 'node:assert/strict';
import test from 'node:test';
import type { MosaicProgress, TileState } from '@holdfast/raster';
import { MosaicView, watchMosaic } from '#src/mosaic-view.js';

const byLetter: Readonly<Record<string, TileState>> = { d: 'done', b: 'begun', m: 'missing' };

/** Progress of a mosaic each of whose tiles is a part: `dbm` are rows of done, begun and missing. */
function progress(...rows: string[]): MosaicProgress {
  const tiles = rows
    .join('')
    .split('')
    .map((letter) => byLetter[letter] ?? 'missing');
  const partsOf = (state: TileState): number[] =>
    tiles.flatMap((each, part) => (each === state ? [part] : []));
  return {
    state: 'open',
    partCount: tiles.length,
    done: partsOf('done'),
    begun: partsOf('begun'),
    rowCount: rows.length,
    columnCount: rows[0]?.length ?? 0,
    tiles,
  };
}

interface Terminal {
  readonly isTTY: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

function viewOn(terminal: Terminal): {
  written: string[];
  clock: { ms: number };
  view: MosaicView;
} {
  const written: string[] = [];
  const clock = { ms: 0 };
  const stream = { ...terminal, write: (text: string) => written.push(text) };
  return { written, clock, view: new MosaicView(stream, () => clock.ms) };
}

/** What a terminal shows of what was written: lines, by the few sequences that a view uses. */
function screenOf(written: readonly string[]): string[] {
  const lines: string[] = [''];
  let line = 0;
  let column = 0;
  // oxlint-disable-next-line no-control-regex -- the sequences of a terminal begin with one
  for (const [token, up] of written.join('').matchAll(/\x1b\[\??(\d*)[A-Za-z]|[^]/gu)) {
    if (token === '\n') [line, column] = [line + 1, 0];
    else if (token === '\r') column = 0;
    else if (token.endsWith('A') && token.startsWith('\x1b')) line -= Number(up);
    else if (token === '\x1b[K') lines[line] = (lines[line] ?? '').slice(0, column);
    else if (token === '\x1b[J') lines.length = line;
    else if (!token.startsWith('\x1b')) {
      const before = (lines[line] ?? '').padEnd(column);
      lines[line] = before.slice(0, column) + token + before.slice(column + 1);
      column += 1;
    }
  }
  return lines;
}

test('on a terminal the grid is drawn in its own place, with the rate since the first look', () => {
  const { written, clock, view } = viewOn({ isTTY: true, columns: 80, rows: 24 });
  view.show(progress('dbm', 'mmm'));
  assert.deepEqual(screenOf(written), [
    'open: 1 of 6 parts done, 1 more begun',
    '█▒·',
    '···',
    '1/6 tiles',
  ]);
  clock.ms = 4000;
  view.show(progress('ddb', 'bmm'));
  clock.ms = 8000;
  view.show(progress('ddd', 'bbm'));
  assert.deepEqual(screenOf(written), [
    'open: 3 of 6 parts done, 2 more begun',
    '███',
    '▒▒·',
    '3/6 tiles  0.3 tiles/s  ETA 12 s',
  ]);
  view.end();
});

test('the cursor is hidden while the grid is drawn, and there again at the end', () => {
  const { written, view } = viewOn({ isTTY: true });
  view.show(progress('d'));
  view.show(progress('d'));
  assert.equal(written.join('').split('\u001b[?25l').length, 2);
  view.end();
  view.end();
  assert.deepEqual(written.slice(2), ['\u001b[?25h']);
});

test('a grid that is larger than the terminal is drawn in blocks, done where all of a block is', () => {
  const { written, view } = viewOn({ isTTY: true, columns: 4, rows: 5 });
  view.show(progress('ddddmm', 'ddddmm', 'mmmmmm', 'mmmmdm'));
  assert.deepEqual(screenOf(written), ['ope', '██·', '··▒', '9/2']);
});

test('a terminal of no size, and a mosaic of a million tiles, are drawn', () => {
  const { written, view } = viewOn({ isTTY: true, columns: 0, rows: 0 });
  view.show(progress('dm'));
  assert.deepEqual(screenOf(written).slice(1), ['█·', '1/2 tiles']);
  const large = viewOn({ isTTY: true, columns: 80, rows: 24 });
  large.view.show(progress(...Array.from({ length: 1000 }, () => 'd'.repeat(1000))));
  const screen = screenOf(large.written);
  assert.ok(screen.length < 24 && screen.every(({ length }) => length < 80));
  assert.equal(screen[1], '█'.repeat(Math.ceil(1000 / 13)));
});

test('elsewhere there is a plain line whenever more is done', () => {
  const { written, clock, view } = viewOn({ isTTY: false });
  for (const row of ['dmmm', 'dmmm', 'ddbm', 'ddbm']) {
    view.show(progress(row));
    clock.ms += 1000;
  }
  view.end();
  assert.deepEqual(written, [
    'open: 1 of 4 parts done, 0 more begun, 1/4 tiles\n',
    'open: 2 of 4 parts done, 1 more begun, 2/4 tiles  0.5 tiles/s  ETA 4 s\n',
  ]);
});

/** A view that only counts. */
function counted(): {
  shown: MosaicProgress[];
  ends: number;
  show: MosaicView['show'];
  end(): void;
} {
  const view = {
    shown: [] as MosaicProgress[],
    ends: 0,
    show: (each: MosaicProgress) => void view.shown.push(each),
    end: () => void (view.ends += 1),
  };
  return view;
}

test('it is watched until all parts are done', async () => {
  const looks = [progress('mm'), progress('db'), progress('dd'), progress('dd')];
  const view = counted();
  const isDone = await watchMosaic({
    look: async () => looks.shift() ?? progress('dd'),
    view,
    pause: async () => true,
  });
  assert.deepEqual([isDone, view.shown.length, view.ends, looks.length], [true, 3, 1, 1]);
});

test('an interrupt, and a session that is gone, leave the terminal as it was', async () => {
  const interrupted = counted();
  const look = async (): Promise<MosaicProgress> => progress('mm');
  const pause = async (): Promise<boolean> => false;
  assert.equal(await watchMosaic({ look, view: interrupted, pause }), false);
  assert.equal(interrupted.ends, 1);
  const gone = counted();
  const failing = async (): Promise<MosaicProgress> => Promise.reject(new Error('gone'));
  await assert.rejects(watchMosaic({ look: failing, view: gone, pause }), /gone/u);
  assert.equal(gone.ends, 1);
});
