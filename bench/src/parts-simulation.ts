/**
 * How a mosaic in parts would run on very many workers: a simulation by events, without a disk.
 *
 *   node bench/dist/parts-simulation.js [--workers 1000] [--tiles 1000000] [--parts 1000,10000]
 *     [--call-ms 0.3] [--calls 100000] [--gigabytes 2] [--deaths 0.00001] [--seed 1]
 *
 * Each worker takes the next part when it has done one. It takes a tile's time, drawn from those of
 * real tiles (parts-measured.ts); then it makes the calls that a tile makes, each of which goes to
 * the server and back (`--call-ms`) and waits there for its turn: the server does so many calls
 * (`--calls`) and stores so many gigabytes a second. A part begins with a listing of the records
 * that are there, 100 names a call. A worker dies in a tile with the probability `--deaths`, and its
 * part is begun anew after 30 seconds. The commit is one process, four of whose calls are under way
 * at once.
 */
import { parseArgs } from 'node:util';
import { measureParts, type MeasuredParts } from './parts-measured.js';

const NAMES_OF_A_CALL = 100;
/** SHA-256 by one core. */
const DIGEST_BYTES_PER_MS = 1e6;
const RESTART_MS = 30_000;
const COMMIT_AT_ONCE = 4;

interface Setting {
  readonly workers: number;
  readonly tiles: number;
  readonly callMs: number;
  readonly callsPerMs: number;
  readonly bytesPerMs: number;
  readonly deaths: number;
  readonly seed: number;
}

interface Simulated {
  readonly partsMs: number;
  /** The work of all tiles, shared by the workers without any waiting. */
  readonly leastMs: number;
  /** Of the time of the parts, during which the server was busy. */
  readonly busyShare: number;
  /** Of the work of the server, that was listings. */
  readonly listingShare: number;
  readonly commitMs: number;
  /** The same with sizes only. */
  readonly sizesMs: number;
}

/** Events in the order of their times: a binary heap of pairs. */
class Agenda {
  readonly #times: number[] = [];
  readonly #what: number[] = [];

  add(time: number, what: number): void {
    let at = this.#times.push(time) - 1;
    this.#what.push(what);
    for (let above = (at - 1) >> 1; at > 0 && this.#at(above) > time; above = (at - 1) >> 1) {
      this.#swap(at, above);
      at = above;
    }
  }

  next(): readonly [time: number, what: number] | undefined {
    const first = this.#times[0];
    if (first === undefined) return undefined;
    const found = [first, this.#what[0] ?? 0] as const;
    const last = this.#times.length - 1;
    this.#swap(0, last);
    this.#times.pop();
    this.#what.pop();
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const least = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (this.#at(least) >= this.#at(at)) return found;
      this.#swap(at, least);
      at = least;
    }
  }

  /** Beyond the end nothing comes before anything. */
  #at(index: number): number {
    return this.#times[index] ?? Infinity;
  }

  #swap(a: number, b: number): void {
    for (const list of [this.#times, this.#what])
      [list[a], list[b]] = [list[b] as number, list[a] as number];
  }
}

function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function simulate(measured: MeasuredParts, partCount: number, setting: Setting): Simulated {
  const { workers, tiles, callMs, callsPerMs, bytesPerMs, deaths, seed } = setting;
  const random = randomNumbers(seed);
  const agenda = new Agenda();
  const tilesOf = (part: number): number =>
    Math.floor(((part + 1) * tiles) / partCount) - Math.floor((part * tiles) / partCount);
  let [serverFreeAt, busy, listing, tileTime, end] = [0, 0, 0, 0, 0];
  /** When a worker goes on that asks the server now. */
  const ask = (now: number, calls: number, bytes = 0): number => {
    const work = calls / callsPerMs + bytes / bytesPerMs;
    serverFreeAt = Math.max(now, serverFreeAt) + work;
    busy += work;
    return Math.max(serverFreeAt, now + work + calls * callMs);
  };

  const again: number[] = [];
  let [next, done] = [0, 0];
  const part = new Int32Array(workers);
  const left = new Int32Array(workers);
  const take = (worker: number, now: number): void => {
    const taken = again.pop() ?? (next < partCount ? next++ : undefined);
    if (taken === undefined) return;
    part[worker] = taken;
    left[worker] = tilesOf(taken);
    const names = done / NAMES_OF_A_CALL;
    listing += names / callsPerMs;
    agenda.add(ask(now, measured.callsOfPart + names), worker);
  };
  for (let worker = 0; worker < workers; worker += 1) take(worker, 0);
  for (let event = agenda.next(); event; event = agenda.next()) {
    const [now, worker] = event;
    if (left[worker] === 0) {
      done += 1;
      end = now;
      take(worker, now);
    } else if (random() < deaths) {
      left[worker] = tilesOf(part[worker] ?? 0);
      agenda.add(now + RESTART_MS, worker);
    } else {
      const time = measured.tileMs[Math.floor(random() * measured.tileMs.length)] ?? 0;
      tileTime += time;
      left[worker] = (left[worker] ?? 0) - 1;
      agenda.add(ask(now + time, measured.callsOfTile, measured.tileBytes), worker);
    }
  }
  const bytes = tiles * measured.tileBytes;
  const sizesMs =
    tiles * measured.callsOfTileInCommit * Math.max(callMs / COMMIT_AT_ONCE, 1 / callsPerMs);
  const readMs = bytes / Math.min(bytesPerMs, DIGEST_BYTES_PER_MS);
  return {
    partsMs: end,
    leastMs: tileTime / workers,
    busyShare: busy / end,
    listingShare: listing / busy,
    commitMs: sizesMs + readMs,
    sizesMs,
  };
}

function shown(ms: number): string {
  const minutes = ms / 60_000;
  return `${minutes < 10 ? minutes.toFixed(1) : minutes.toFixed(0)} min`.padStart(10);
}

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '1000' },
    tiles: { type: 'string', default: '1000000' },
    parts: { type: 'string', default: '1000,10000,100000,1000000' },
    'call-ms': { type: 'string', default: '0.3' },
    calls: { type: 'string', default: '100000' },
    gigabytes: { type: 'string', default: '2' },
    deaths: { type: 'string', default: '0.00001' },
    seed: { type: 'string', default: '1' },
  },
});
const setting: Setting = {
  workers: Number(values.workers),
  tiles: Number(values.tiles),
  callMs: Number(values['call-ms']),
  callsPerMs: Number(values.calls) / 1000,
  bytesPerMs: Number(values.gigabytes) * 1e6,
  deaths: Number(values.deaths),
  seed: Number(values.seed),
};
const measured = await measureParts();
const { tileMs, tileBytes, callsOfPart, callsOfTile, callsOfTileInCommit } = measured;
const sorted = tileMs.toSorted((a, b) => a - b);
const quantile = (share: number): string =>
  (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(0);
console.log(`measured: a tile ${quantile(0.5)} ms (${quantile(0)} to ${quantile(1)}), ${(tileBytes / 1e6).toFixed(2)} MB;
calls of a part ${callsOfPart.toFixed(0)}, of a tile ${callsOfTile.toFixed(1)}, of a tile in the commit ${callsOfTileInCommit.toFixed(1)}

     parts  all parts   at least   server busy   of it listings     commit  by sizes`);
for (const count of values.parts.split(',').map(Number)) {
  const found = simulate(measured, count, setting);
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  console.log(
    `${String(count).padStart(10)} ${shown(found.partsMs)} ${shown(found.leastMs)} ${percent(found.busyShare).padStart(13)} ${percent(found.listingShare).padStart(16)} ${shown(found.commitMs)} ${shown(found.sizesMs)}`,
  );
}
