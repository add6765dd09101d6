/**
 * Ranges of what a web server has (RFC 9110, section 14). The server has to tell one version from
 * another, by an ETag or at least by the time of the last change, which has whole seconds.
 */
import { messageOf } from 'holdfast/errors';
import type { Address } from './address.js';
import {
  notThere,
  refusedRange,
  TransientFailure,
  unreadableThere,
  wasReplaced,
  type AskRange,
  type ByteRange,
  type RangeAnswer,
} from './ranges.js';

const MOST_REDIRECTS = 5;

/** @param path - the address as it is shown */
export function rangesByHttp(path: string, { origin, search, ...at }: Address): AskRange {
  const url = new URL(`${origin}${at.path}${search}`);
  return async (range, version, signal) => {
    const response = await follow(path, url, { headers: headersOf(range, version), signal });
    try {
      return await answerOf(path, response, range, version);
    } finally {
      // What is not wanted of it is not waited for.
      if (!response.bodyUsed) await response.body?.cancel().catch(() => undefined);
    }
  };
}

/** RFC 9110, 13.1: only a strong ETag can be a condition. */
function headersOf(range: ByteRange, version: string | undefined): Record<string, string> {
  const last = range.offsetBytes + range.sizeBytes - 1;
  const isTime = version !== undefined && /^[A-Z]/u.test(version) && !version.startsWith('W/');
  return {
    range: `bytes=${range.offsetBytes}-${last}`,
    // What is encoded on its way has other ranges.
    'accept-encoding': 'identity',
    ...(version?.startsWith('"') && { 'if-match': version }),
    ...(isTime && { 'if-unmodified-since': version }),
  };
}

/** Redirects are followed by hand, so that none leads to plain `http:` or shows a password. */
async function follow(
  path: string,
  from: URL,
  request: { readonly headers: Record<string, string>; readonly signal: AbortSignal },
): Promise<Response> {
  let url = from;
  for (let count = 0; ; count += 1) {
    const response = await send(url, request);
    const { status, headers } = response;
    if (![301, 302, 303, 307, 308].includes(status)) return response;
    await response.body?.cancel().catch(() => undefined);
    if (count === MOST_REDIRECTS)
      throw refusedRange(path, status, `over ${MOST_REDIRECTS} redirects`);
    const location = headers.get('location') ?? 'none:';
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    const isFit =
      next !== undefined &&
      (next.protocol === 'https:' || next.protocol === from.protocol) &&
      next.username === '' &&
      next.password === '';
    if (!isFit) throw refusedRange(path, status, 'it leads to no address of https:');
    url = next;
  }
}

async function send(url: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...request, redirect: 'manual' });
  } catch (error) {
    // `fetch failed`: what is behind it says more.
    const cause = (error as Error).cause ?? error;
    throw new TransientFailure(messageOf(cause), undefined, cause);
  }
}

async function answerOf(
  path: string,
  response: Response,
  range: ByteRange,
  pinned: string | undefined,
): Promise<RangeAnswer> {
  const { status, headers } = response;
  if (status === 404 || status === 410) throw notThere(path);
  if (status === 412) throw wasReplaced(path);
  if (status === 416 && pinned !== undefined) throw wasReplaced(path);
  if (status === 408 || status === 429 || status >= 500)
    throw new TransientFailure(`status ${status}`, status);
  if (status === 416) return { bytes: new Uint8Array(0), sizeBytes: 0, version: '' };
  if (status !== 200 && status !== 206) throw refusedRange(path, status, response.statusText);
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity')
    throw unreadableThere(path, `The server sends it with Content-Encoding: ${encoding}`);
  const version = headers.get('etag') ?? headers.get('last-modified');
  if (version === null)
    throw unreadableThere(path, 'The server gives no ETag and no time of the last change');
  if (pinned !== undefined && version !== pinned) throw wasReplaced(path);
  const { sizeBytes, comingBytes } = extentOf(path, response, range);
  const bytes = await bodyOf(response, comingBytes);
  return { bytes, sizeBytes, version };
}

/** How large the whole is, and how much of it comes. */
function extentOf(
  path: string,
  { status, headers }: Response,
  { offsetBytes, sizeBytes: mostBytes }: ByteRange,
): { readonly sizeBytes: number; readonly comingBytes: number } {
  if (status === 200) {
    // The whole is as good, where it is no more than what was asked for.
    const length = Number(headers.get('content-length') ?? Number.NaN);
    if (offsetBytes === 0 && length <= mostBytes) return { sizeBytes: length, comingBytes: length };
    throw unreadableThere(path, 'The server does not give parts of it (ranges)');
  }
  const text = headers.get('content-range') ?? '';
  const [, first, last, whole] = /^bytes (\d+)-(\d+)\/(\d+)$/u.exec(text) ?? [];
  const sizeBytes = Number(whole);
  const comingBytes = Number(last) - Number(first) + 1;
  const wanted = Math.min(mostBytes, sizeBytes - offsetBytes);
  if (Number(first) === offsetBytes && comingBytes === wanted) return { sizeBytes, comingBytes };
  throw unreadableThere(path, `The server gives other parts of it than were asked for (${text})`);
}

/** No more than that is kept, whatever the server sends. */
async function bodyOf({ body }: Response, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  try {
    for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) {
      if (at + piece.length > sizeBytes) throw new Error(`over ${sizeBytes} bytes came`);
      bytes.set(piece, at);
      at += piece.length;
    }
  } catch (error) {
    const cause = (error as Error).cause ?? error;
    throw new TransientFailure(messageOf(cause), undefined, cause);
  }
  if (at < sizeBytes) throw new TransientFailure(`${at} bytes came of ${sizeBytes}`);
  return bytes;
}
