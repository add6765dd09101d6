/**
 * A proxy before a real store that does to requests what networks and stores do. Signatures stay
 * valid: the header Host is passed on as the client has it.
 */
import {
  createServer,
  request as send,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { TestContext } from 'node:test';

/** What becomes of a request. */
export type Fault =
  /** It is passed on, and its answer passed back. */
  | 'none'
  /** The connection is dropped before the store sees it. */
  | 'refuse'
  /** The store gets half of its body, and then no more. */
  | 'cut'
  /** The store does it, and its answer is dropped. */
  | 'drop'
  /** The store does it, and its answer is withheld for ever. */
  | 'hold'
  /** The client sees its connection dropped, and the store gets the request after the next one. */
  | 'late'
  /** The store gets it twice, and the client the second answer. */
  | 'twice'
  /** The store does it, and the client is told 500. */
  | '500'
  /** The store does not see it, and the client is told 503. */
  | '503'
  /** The client gets half of the answer's body. */
  | 'half';

export const faults: readonly Exclude<Fault, 'none'>[] = [
  ...(['refuse', 'cut', 'drop', 'hold', 'late', 'twice', '500', '503', 'half'] as const),
];

/** A request as it came. */
export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** How many requests came, by their method. */
  readonly counts: Map<string, number>;
  /** What becomes of the next requests. */
  choose: (request: ProxiedRequest) => Fault;
  /** Once what has come is done. */
  settled(): Promise<unknown>;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function startFaultProxy(t: TestContext, target: string): Promise<FaultProxy> {
  let late: (() => Promise<unknown>)[] = [];
  const counts = new Map<string, number>();
  const running = new Set<Promise<unknown>>();
  const settled = (): Promise<unknown> => Promise.all(running);
  const proxy = { endpoint: '', counts, choose: (): Fault => 'none', settled } as {
    -readonly [Name in keyof FaultProxy]: FaultProxy[Name];
  };
  const server = createServer((incoming, outgoing) => {
    const handled = handle(incoming, outgoing).catch(() => incoming.socket.destroy());
    running.add(handled);
    void handled.finally(() => running.delete(handled));
  });

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await received(incoming);
    counts.set(request.method, (counts.get(request.method) ?? 0) + 1);
    const fault = proxy.choose(request);
    const waiting = late;
    late = [];
    if (fault === 'late') late = [() => forward(target, request)];
    await suffer(target, fault, request, incoming, outgoing);
    for (const arrive of waiting) await arrive().catch(() => undefined);
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  proxy.endpoint = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}/`;
  return proxy;
}

async function suffer(
  target: string,
  fault: Fault,
  request: ProxiedRequest,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  if (fault === 'refuse' || fault === 'late') return void incoming.socket.destroy();
  if (fault === '503') return tell(outgoing, 503, 'SlowDown');
  if (fault === 'cut') {
    await forward(target, request, Math.floor(request.body.length / 2)).catch(() => undefined);
    return void incoming.socket.destroy();
  }
  if (fault === 'twice') await forward(target, request);
  const answer = await forward(target, request);
  if (fault === 'hold') return;
  if (fault === 'drop') return void incoming.socket.destroy();
  if (fault === '500') return tell(outgoing, 500, 'InternalError');
  const { 'transfer-encoding': _, ...headers } = answer.headers;
  outgoing.writeHead(answer.status, headers);
  if (fault !== 'half' || answer.body.length < 2) return void outgoing.end(answer.body);
  outgoing.write(answer.body.subarray(0, answer.body.length / 2), () => incoming.socket.destroy());
}

function tell(outgoing: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>by the proxy</Message></Error>`;
  outgoing.writeHead(status, { 'content-type': 'application/xml' }).end(body);
}

async function received(incoming: IncomingMessage): Promise<ProxiedRequest> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  const { method = '', url: path = '', headers } = incoming;
  return { method, path, headers, body: Buffer.concat(pieces) };
}

/** @param sizeBytes - how much of the body the store gets before the connection ends */
function forward(
  target: string,
  { method, path, headers, body }: ProxiedRequest,
  sizeBytes?: number,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(target);
    const outgoing = send({ hostname, port, method, path, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers: answered } = response;
        resolve({ status, headers: answered, body: Buffer.concat(pieces) });
      });
    });
    outgoing.on('error', reject);
    if (sizeBytes === undefined) outgoing.end(body);
    else outgoing.write(body.subarray(0, sizeBytes), () => outgoing.destroy());
  });
}
