/**
 * Loaded before a program (`node --import`), it notes each native call that is given buffers, so
 * that replay.c can make the same call where every byte is watched. HOLDFAST_RECORD names the file
 * to append to; a line is a call:
 *
 *     NAME ARGUMENT...
 *
 *     i-5         a number                                      d0.001   a floating-point number
 *     n           no address                                    b0a1b    bytes that are read, in hexadecimal digits
 *     o512        room for so many bytes                        c8:512   room for a number of 8 bytes, and the number
 *     p3          room for an address, or one that is given     r3       that address
 *     v32,0,16;…  room for 32 bytes, of which 16 from the first on are a piece of the vector
 *
 * Which it is follows from the signature that the call was declared with: what is not `const` is
 * written.
 */
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';

type Call = (...args: unknown[]) => unknown;

interface Library {
  func(signature: string): Call;
}

interface Koffi {
  load: (this: void, path: string | null) => Library;
  address: (this: void, of: Uint8Array) => bigint;
}

/** Calls that are given buffers; what asks for the text of an error is not. */
const isWatched =
  /^(?:(?:lerc|libdeflate|lzma|ZSTD|LZ4F)_(?!isError|getErrorName)|(?:statx|preadv|fcntl|f(?:list|get|set)xattr)$)/;

const log = process.env['HOLDFAST_RECORD'];
if (log === undefined) throw new Error('HOLDFAST_RECORD must name a file');
const recorded = new Set<string>();
/** The numbers of what calls have given, by its address. */
const handles = new Map<unknown, number>();
let handleCount = 0;
/** How many bytes lie at an address that was asked for. */
const regions = new Map<bigint, number>();

const koffi = createRequire(import.meta.resolve('@holdfast/raster'))('koffi') as Koffi;
const { load, address } = koffi;
koffi.load = (path) => {
  const library = load(path);
  return { func: (signature) => recording(signature, library.func(signature)) };
};
koffi.address = (of) => {
  const at = address(of);
  regions.set(at, of.byteLength);
  return at;
};

/** The call, noted each time before it is made. */
function recording(signature: string, call: Call): Call {
  const [, result = '', name = '', list = ''] = /^(.*?)(\w+)\((.*)\)$/.exec(signature) ?? [];
  if (!isWatched.test(name)) return call;
  const parameters = list.split(',').map((parameter) => parameter.trim());
  const gives = result.includes('void *');
  return (...args) => {
    const words = parameters.flatMap((parameter, index) => wordOf(name, parameter, args[index]));
    note([name, ...words, ...(gives ? [`p${handleCount}`] : [])].join(' '));
    const given = call(...args);
    const place = args.find((arg, index) => parameters[index]?.includes('**') && arg);
    if (gives) handles.set(given, handleCount++);
    else if (Array.isArray(place)) handles.set(place[0], handleCount++);
    return given;
  };
}

/** The same call with the same bytes need be made but once, unless it goes on from one before. */
function note(line: string): void {
  if (!/ [pr]\d/.test(line)) {
    if (recorded.has(line)) return;
    recorded.add(line);
  }
  appendFileSync(log as string, `${line}\n`);
}

function wordOf(name: string, parameter: string, value: unknown): string | readonly string[] {
  if (parameter === '') return [];
  if (!parameter.includes('*')) return numberOf(parameter, value as number | bigint);
  if (value === null) return 'n';
  if (name === 'preadv') return vectorOf(value as BigUint64Array);
  if (typeof value === 'string') return bytesOf(Buffer.from(`${value}\0`));
  if (typeof value === 'bigint') return `r${String(handles.get(value))}`;
  if (Array.isArray(value)) {
    if (parameter.includes('**')) return `p${handleCount}`;
    return `c${/size_t|uint64_t/.test(parameter) ? 8 : 4}:${String(value[0])}`;
  }
  const view = value as Uint8Array;
  return /const|_Inout_/.test(parameter) ? bytesOf(view) : `o${view.byteLength}`;
}

function numberOf(parameter: string, value: number | bigint): string {
  return `${parameter.startsWith('double') ? 'd' : 'i'}${value}`;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return `b${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}`;
}

/** Pairs of an address and a size (struct iovec), each in what was last asked where it lies. */
function vectorOf(vector: BigUint64Array): string {
  const pieces = Array.from({ length: vector.length / 2 }, (_, index) => {
    const [at = 0n, bytes = 0n] = vector.subarray(2 * index);
    const [start = 0n, size = 0] =
      [...regions].findLast(([from, length]) => at >= from && at <= from + BigInt(length)) ?? [];
    return `${size},${at - start},${bytes}`;
  });
  return `v${pieces.join(';')}`;
}
