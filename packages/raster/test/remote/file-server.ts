/** A web server on the loopback that gives ranges of the files of a folder, and notes requests. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';

export interface Asked {
  readonly path: string;
  readonly search: string;
  readonly headers: IncomingMessage['headers'];
}

export interface FileServer {
  readonly url: string;
  readonly asked: Asked[];
  /** Answers in its place where it returns true. */
  intervene: (asked: Asked, response: ServerResponse) => boolean | Promise<boolean>;
}

export async function serveFiles(t: TestContext, folder: string): Promise<FileServer> {
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { readonly port: number };
  const files: FileServer = {
    url: `http://127.0.0.1:${port}`,
    asked: [],
    intervene: () => false,
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(request.url ?? '', files.url);
    const asked = { path: decodeURIComponent(pathname), search, headers: request.headers };
    files.asked.push(asked);
    if (await files.intervene(asked, response)) return;
    giveFile(`${folder}${asked.path}`, asked, response);
  }

  return files;
}

/** RFC 9110, 13.2.2 and 14.2. */
export function giveFile(
  file: string,
  { headers }: Asked,
  response: ServerResponse,
  versionHeaders?: Readonly<Record<string, string>>,
): void {
  if (!existsSync(file)) return void response.writeHead(404).end('no such file');
  const bytes = readFileSync(file);
  const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`;
  const wanted = headers['if-match'];
  if (wanted !== undefined && wanted !== etag) return void response.writeHead(412).end();
  const [, from, to] = /^bytes=(\d+)-(\d+)$/u.exec(headers.range ?? '') ?? [];
  const version = versionHeaders ?? { etag };
  if (from === undefined) {
    response.writeHead(200, { ...version, 'content-length': bytes.length }).end(bytes);
    return;
  }
  const [first, last] = [Number(from), Math.min(Number(to), bytes.length - 1)];
  if (first > last) return void response.writeHead(416, version).end();
  const range = `bytes ${first}-${last}/${bytes.length}`;
  response.writeHead(206, {
    ...version,
    'content-range': range,
    'content-length': last - first + 1,
  });
  response.end(bytes.subarray(first, last + 1));
}
