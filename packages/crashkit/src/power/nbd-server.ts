/**
 * A block device that remembers: an NBD server (newstyle negotiation, simple replies; NBD protocol
 * specification in the nbd project's doc/proto.md) that keeps its blocks in memory and logs every
 * write, flush and mark.
 *
 * It runs in a process of its own. In the process that uses the mount it would deadlock: a
 * synchronous call on the mount waits for this server, which waits for the call.
 *
 *   node nbd-server.js SOCKET SIZE-BYTES LOG MARK-FIFO MARKED-FIFO
 *
 * A line on MARK-FIFO goes to the log as a mark, and is answered by a line on MARKED-FIFO. `fail N`
 * instead makes the N-th write from now fail with EIO, once; or the first one after it that does
 * not go on where the write before ended, since it may be the second piece of a larger one, of
 * which the loop device takes a part for the whole (no error at all).
 */
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { BLOCK_BYTES, BlockLogWriter } from './block-log.js';

const [socketPath = '', sizeText = '', logPath = '', markPath = '', markedPath = ''] =
  process.argv.slice(2);
const sizeBytes = Number(sizeText);

const FIXED_NEWSTYLE_NO_ZEROES = 3;
const OPTION_MAGIC = 0x49484156454f5054n;
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;
const OPTION_GO = 7;
const OPTION_ABORT = 2;
const REPLY_ACK = 1;
const REPLY_INFO = 3;
const REPLY_UNSUPPORTED = 0x80000001;
/** Has flags, takes flush, FUA, trim and write-zeroes. */
const TRANSMISSION_FLAGS = 1 | 4 | 8 | 32 | 64;
const FLAG_FUA = 1;
const EIO = 5;
const REQUEST_BYTES = 28;

const commands = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;

const log = new BlockLogWriter(logPath);
const blocks = new Map<number, Buffer>();
let writesUntilFailure = Infinity;
let lastWriteEnd = -1;

serveMarks();
createServer((socket) => {
  serve(socket).catch(() => socket.destroy());
}).listen(socketPath, () => {
  console.log('ready');
});

function serveMarks(): void {
  createInterface(createReadStream(markPath, { flags: 'r+' })).on('line', (line) => {
    const failing = /^fail (\d+)$/.exec(line);
    if (failing) writesUntilFailure = Number(failing[1]);
    else log.append({ kind: 'mark', label: line });
    const fifo = openSync(markedPath, 'r+');
    writeSync(fifo, '\n');
    setTimeout(() => closeSync(fifo), 10_000).unref();
  });
}

async function serve(socket: Socket): Promise<void> {
  const input = new ByteReader(socket);
  await negotiate(socket, input);
  for (;;) {
    const request = await input.take(REQUEST_BYTES);
    if (request.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('not an NBD request');
    const command = request.readUInt16BE(6);
    if (command === commands.disconnect) break;
    const length = command === commands.write ? request.readUInt32BE(24) : 0;
    answer(socket, request, await input.take(length));
  }
  socket.end();
}

async function negotiate(socket: Socket, input: ByteReader): Promise<void> {
  const greeting = Buffer.from('NBDMAGICIHAVEOPT\0\0', 'latin1');
  greeting.writeUInt16BE(FIXED_NEWSTYLE_NO_ZEROES, 16);
  socket.write(greeting);
  await input.take(4);
  for (;;) {
    const header = await input.take(16);
    if (header.readBigUInt64BE(0) !== OPTION_MAGIC) throw new Error('not an NBD option');
    const option = header.readUInt32BE(8);
    await input.take(header.readUInt32BE(12));
    if (option === OPTION_GO) {
      socket.write(optionReply(option, REPLY_INFO, exportInfo()));
      socket.write(optionReply(option, REPLY_ACK));
      return;
    }
    socket.write(optionReply(option, option === OPTION_ABORT ? REPLY_ACK : REPLY_UNSUPPORTED));
  }
}

function exportInfo(): Buffer {
  const info = Buffer.alloc(12);
  info.writeBigUInt64BE(BigInt(sizeBytes), 2);
  info.writeUInt16BE(TRANSMISSION_FLAGS, 10);
  return info;
}

function optionReply(option: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(20);
  header.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(type, 12);
  header.writeUInt32BE(data.length, 16);
  return Buffer.concat([header, data]);
}

function answer(socket: Socket, request: Buffer, data: Buffer): void {
  const command = request.readUInt16BE(6);
  const [offsetBytes, length] = [Number(request.readBigUInt64BE(16)), request.readUInt32BE(24)];
  const reply = Buffer.alloc(16);
  reply.writeUInt32BE(REPLY_MAGIC, 0);
  request.copy(reply, 8, 8, 16);
  if (command === commands.write) reply.writeUInt32BE(write(offsetBytes, data), 4);
  if (command === commands.trim || command === commands.writeZeroes) zero(offsetBytes, length);
  const isForced = (request.readUInt16BE(4) & FLAG_FUA) !== 0;
  if (command === commands.flush || isForced) log.append({ kind: 'flush' });
  socket.write(
    command === commands.read ? Buffer.concat([reply, read(offsetBytes, length)]) : reply,
  );
}

/** 0, or the error of a write that was told to fail. */
function write(offsetBytes: number, data: Buffer): number {
  writesUntilFailure -= 1;
  const goesOn = offsetBytes === lastWriteEnd;
  lastWriteEnd = offsetBytes + data.length;
  if (writesUntilFailure <= 0 && !goesOn) {
    writesUntilFailure = Infinity;
    return EIO;
  }
  log.append({ kind: 'write', offsetBytes, data });
  eachBlock(offsetBytes, data.length, (index, within, from, count) => {
    const block = blocks.get(index) ?? Buffer.alloc(BLOCK_BYTES);
    data.copy(block, within, from, from + count);
    blocks.set(index, block);
  });
  return 0;
}

function zero(offsetBytes: number, lengthBytes: number): void {
  log.append({ kind: 'zero', offsetBytes, lengthBytes });
  eachBlock(offsetBytes, lengthBytes, (index, within, _, count) => {
    blocks.get(index)?.fill(0, within, within + count);
  });
}

function read(offsetBytes: number, lengthBytes: number): Buffer {
  const data = Buffer.alloc(lengthBytes);
  eachBlock(offsetBytes, lengthBytes, (index, within, from, count) => {
    blocks.get(index)?.copy(data, from, within, within + count);
  });
  return data;
}

/**
 * Calls back for each block of a range: its index, where in it the range begins, where in the range
 * it begins, how much.
 */
function eachBlock(
  offsetBytes: number,
  lengthBytes: number,
  visit: (index: number, within: number, from: number, count: number) => void,
): void {
  for (let from = 0; from < lengthBytes;) {
    const within = (offsetBytes + from) % BLOCK_BYTES;
    const count = Math.min(BLOCK_BYTES - within, lengthBytes - from);
    visit(Math.floor((offsetBytes + from) / BLOCK_BYTES), within, from, count);
    from += count;
  }
}

/** Takes exact numbers of bytes from a stream. */
class ByteReader {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#sizeBytes += chunk.length;
      this.#wake?.();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  async take(count: number): Promise<Buffer> {
    while (this.#sizeBytes < count) {
      if (this.#ended) throw new Error('the client is gone');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const all =
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = all.length > count ? [all.subarray(count)] : [];
    this.#sizeBytes -= count;
    return all.subarray(0, count);
  }
}
