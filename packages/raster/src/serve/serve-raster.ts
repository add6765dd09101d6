/**
 * A small web server that shows a mosaic: a page, and what it is made of. Each answer is of one
 * generation of the mosaic, and says by its ETag of which.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { errnoOf, messageOf } from 'holdfast/errors';
import { checkOptions, checkPath, invalidArgument } from 'holdfast/options';
import type { OpenVrtOptions } from '../read/open-vrt.js';
import { CurrentMosaic } from './current-mosaic.js';
import { describe, type Told, valueAt } from './description.js';
import { drawSquare } from './draw-square.js';
import { Events } from './events.js';
import { hasSquare } from './map-grid.js';
import { readPageFile } from './page-files.js';
import { type Asked, askedFor } from './request.js';
import type { ServedMosaic } from './served-mosaic.js';
import { TileCheck } from './tile-states.js';
import { Turns } from './turns.js';

/** How a mosaic is served. */
export interface ServeOptions extends Pick<OpenVrtOptions, 'outside'> {
  /**
   * The name or address to listen on; `127.0.0.1` by default, which only this machine reaches. On
   * any other, whoever reaches it sees the mosaic.
   */
  readonly host?: string | undefined;
  /** 0 for any that is free; by default 8765, or any where that is taken. */
  readonly port?: number | undefined;
}

/** A server that runs. */
export interface RasterServer {
  /** Where the page is. */
  readonly url: string;
  /** Ends it: answers under way are cut off. */
  close(): Promise<void>;
  /** Ends it (`await using`). */
  [Symbol.asyncDispose](): Promise<void>;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8765;
/** Answers that are made at one time, and those that wait; a page asks for some dozens. */
const MOST_AT_ONCE = 4;
const MOST_WAITING = 512;
const MOST_CONNECTIONS = 256;
/** How a page may look and what it may load: only what comes from here. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const COMMON_HEADERS = {
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Shows a mosaic in a browser: a map of its pixels in colours or as a lit terrain, values, figures,
 * and its tiles with what `verifyVrt` says of them. Nothing is written, and nothing but the mosaic
 * and the page is served.
 *
 * When the mosaic is replaced, the new one is shown; each answer is of one of them. One that is
 * asked for by its id (`g=`) is given for a minute after it was replaced, and then not found. An
 * index that is broken or gone, or names tiles that cannot be read, changes nothing but a line on
 * the page: what was served before goes on, and its tiles are kept.
 *
 * Not promised: tiles of an index that is not Holdfast's, which another program may overwrite in
 * place; that pages of other machines may not look, where `host` lets them.
 *
 * @throws HoldfastError INVALID_ARGUMENT, also for a single GeoTIFF; IO when the port cannot be
 *   had; all that `openVrt` throws
 */
export async function serveRaster(path: string, options: ServeOptions = {}): Promise<RasterServer> {
  checkOptions('serveRaster', options, ['outside', 'host', 'port']);
  checkPath('serveRaster', path);
  const { host = DEFAULT_HOST, port, outside } = options;
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw invalidArgument('serveRaster', `port must be 0 to 65535, not ${port}`);
  if (/\.tiff?$/iu.test(path)) {
    const help = 'make an index of it first: holdfast raster index OUT.vrt FILE.tif';
    throw invalidArgument('serveRaster', `a mosaic is served, and this is one file; ${help}`, path);
  }
  const server = new MosaicServer(path, { outside });
  await server.begin(host, port);
  return server;
}

/** What is sent. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
  readonly etag?: string | undefined;
}

class MosaicServer implements RasterServer {
  url = '';
  readonly #path: string;
  readonly #options: Pick<OpenVrtOptions, 'outside'>;
  readonly #server: Server;
  readonly #turns = new Turns(MOST_AT_ONCE, MOST_WAITING);
  readonly #events = new Events();
  #current!: CurrentMosaic;
  #check: { readonly of: ServedMosaic; readonly check: TileCheck } | undefined;
  /** Of a server that only this machine reaches, the names that requests may call it by. */
  #names: readonly string[] | undefined;

  constructor(path: string, options: Pick<OpenVrtOptions, 'outside'>) {
    this.#path = path;
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#receive(request, response).catch(() => response.destroy());
    });
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  async begin(host: string, port: number | undefined): Promise<void> {
    this.#current = await CurrentMosaic.open(this.#path, this.#options, () => this.#changed());
    try {
      const given = await this.#listen(host, port);
      const name = host.includes(':') ? `[${host}]` : host;
      const isLoopback = given.address.startsWith('127.') || given.address === '::1';
      this.#names = isLoopback ? ['localhost', '127.0.0.1', '[::1]', name] : undefined;
      this.url = `http://${name}:${given.port}/`;
    } catch (error) {
      await this.#current.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#events.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
    await this.#check?.check.close();
    await this.#current.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(host: string, port: number | undefined): Promise<AddressInfo> {
    try {
      return await listening(this.#server, host, port ?? DEFAULT_PORT);
    } catch (cause) {
      const isTaken = ['EADDRINUSE', 'EACCES'].includes(errnoOf(cause) ?? '');
      if (port === undefined && isTaken) return listening(this.#server, host, 0);
      const message = `Nothing can listen on ${host}, port ${port ?? DEFAULT_PORT}: ${messageOf(cause)}. Choose another host or port; port 0 is any that is free`;
      throw new HoldfastError('IO', { message, step: 'listen', path: this.#path, cause });
    }
  }

  #changed(): void {
    // The first mosaic is still being opened.
    if (this.#current === undefined) return;
    const { served } = this.#current;
    if (this.#check && this.#check.of !== served) {
      void this.#check.check.close();
      this.#check = undefined;
    }
    this.#events.tell(this.#told());
  }

  #told(): Told {
    const { served, trouble } = this.#current;
    const { id, generation } = served;
    return { id, generation, trouble, check: this.#check?.check.progress };
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    const { method = '', url = '' } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return send(request, response, textAnswer(405, 'Only GET and HEAD.'));
    }
    if (!this.#isCalledRightly(request.headers.host))
      return send(request, response, textAnswer(400, 'The host is not the one that is served.'));
    const asked = askedFor(url);
    if (asked === 'malformed') return send(request, response, textAnswer(400, 'Malformed.'));
    if (asked === 'unknown') return send(request, response, textAnswer(404, 'Nothing there.'));
    if (asked.what === 'events' && method === 'GET') {
      if (this.#events.isFull) return send(request, response, busy());
      return this.#events.add(response, this.#told());
    }
    if (this.#turns.isFull) return send(request, response, busy());
    return send(
      request,
      response,
      await this.#turns.use(() => this.#answer(asked, request, response)),
    );
  }

  /** Names of others may lead here (DNS rebinding): a page of theirs could read the answers. */
  #isCalledRightly(host: string | undefined): boolean {
    if (this.#names === undefined) return true;
    const name = host?.replace(/:\d+$/u, '').toLowerCase() ?? '';
    return this.#names.includes(name);
  }

  async #answer(asked: Asked, request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    response.once('close', leave);
    if (response.destroyed) leave();
    try {
      if (asked.what === 'events') return textAnswer(200, '');
      if (asked.what === 'file') {
        const { bytes, id } = await readPageFile(asked.file);
        return { status: 200, type: asked.file.type, body: bytes, etag: id };
      }
      const { of } = asked;
      const meant = of === undefined ? this.#current.served : this.#current.withId(of);
      if (!meant) return textAnswer(404, 'Another generation of the mosaic is served now.');
      const known = request.headers['if-none-match'];
      return await meant.use(async (served) =>
        isKnown(known, served.id) && asked.what === 'square'
          ? { status: 304, type: '', body: Buffer.from(''), etag: served.id }
          : this.#answerOf(served, asked, gone.signal),
      );
    } catch (error) {
      const status = isHoldfastError(error, 'NOT_FOUND') ? 404 : 500;
      return textAnswer(status, messageOf(error));
    } finally {
      response.off('close', leave);
    }
  }

  async #answerOf(
    served: ServedMosaic,
    asked: Exclude<Asked, { what: 'file' | 'events' }>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { mosaic, grid, id } = served;
    if (asked.what === 'description') return jsonAnswer(describe(served), id);
    if (asked.what === 'tiles') {
      const check = this.#checkOf(served, asked.isAgain);
      return jsonAnswer(check.states(), `${id}-${check.stamp}`);
    }
    if (asked.what === 'statistics') {
      if (asked.band < 1 || asked.band > mosaic.info.bands.length)
        return textAnswer(404, 'There is no such band.');
      return jsonAnswer(await served.summary(asked.band), id);
    }
    if (asked.what === 'value') {
      if (asked.xPx >= grid.widthPx || asked.yPx >= grid.heightPx)
        return textAnswer(404, 'Outside of the raster.');
      return jsonAnswer(await valueAt(served, asked.xPx, asked.yPx, signal), id);
    }
    const { square, style } = asked;
    if (!hasSquare(grid, square)) return textAnswer(404, 'There is no such square.');
    const { range } = await served.summary(1);
    const body = await drawSquare({ mosaic, grid, range, style }, square, signal);
    return { status: 200, type: 'image/png', body, etag: id };
  }

  #checkOf(served: ServedMosaic, isAgain: boolean): TileCheck {
    const known = this.#check?.of === served ? this.#check.check : undefined;
    if (known && !(isAgain && known.hasEnded)) return known;
    const check = new TileCheck(served, this.#options, () => this.#events.tell(this.#told()));
    // A request that began with the mosaic before is not to end the check of this one.
    if (served === this.#current.served) this.#check = { of: served, check };
    else void check.close();
    return check;
  }
}

function listening(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

function textAnswer(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: Buffer.from(`${text}\n`) };
}

function busy(): Answer {
  return textAnswer(503, 'Too many requests at once.');
}

function jsonAnswer(value: unknown, etag: string): Answer {
  const body = Buffer.from(JSON.stringify(value));
  return { status: 200, type: 'application/json; charset=utf-8', body, etag };
}

function send(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  { status, type, body, etag }: Answer,
): void {
  if (response.destroyed) return;
  response.setHeader('Cache-Control', etag === undefined ? 'no-store' : 'no-cache');
  if (etag !== undefined) response.setHeader('ETag', `"${etag}"`);
  if (etag !== undefined && isKnown(headers['if-none-match'], etag)) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(method === 'HEAD' ? undefined : body);
}

/** RFC 9110, 13.1.2: a list, whose tags may be weak. */
function isKnown(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//u, '')) ?? [];
  return tags.includes('*') || tags.includes(`"${etag}"`);
}
