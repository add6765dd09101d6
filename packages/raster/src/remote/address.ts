/**
 * The address of an object that is read from far away: `s3://bucket/key`, whose key is taken as it
 * is, or a URL of `https:` (of `http:` only where that was asked for).
 *
 * What stands behind `?` is for the request alone: it may be what lets somebody in, so it is in no
 * path and no error, and is not passed on to what an index names.
 */
import { Buffer } from 'node:buffer';
import { invalidArgument } from 'holdfast/options';

/** An address whose parts were checked. */
export interface Address {
  /** What stands before `path`: `s3://bucket` or `https://host:port`. */
  readonly origin: string;
  /** From the first slash on: a key, or the path of a URL as it is sent. */
  readonly path: string;
  /** What stands behind the path of a URL, from `?` on. */
  readonly search: string;
}

/** Amazon S3, "General purpose bucket naming rules"; older buckets have capitals and underscores. */
const S3 = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,254})(\/.*[^/])$/su;

/** Whether a path is one that is read from far away. */
export function isAddress(path: unknown): path is string {
  return typeof path === 'string' && /^(?:s3|https?):\/\//iu.test(path);
}

/**
 * @throws HoldfastError INVALID_ARGUMENT for what names no object, holds a name and password, or is
 *   of `http:` without leave
 */
export function parseAddress(call: string, text: string, allowHttp: boolean): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text may hold a password, so it is in no error before it is known not to.
  const refuse = (why: string): never => {
    throw invalidArgument(call, `the address ${why}`);
  };
  if (/^s3:/iu.test(text)) {
    const [, bucket, key] = S3.exec(text) ?? [];
    if (bucket === undefined || key === undefined)
      return refuse('names no object: s3://bucket/folder/name.vrt');
    if (key.split('/').some((part) => part === '.' || part === '..') || /\p{Cc}/u.test(key))
      return refuse("has a part '.' or '..', or a control character");
    return { origin: `s3://${bucket}`, path: key, search: '' };
  }
  if (url === undefined || !/^https?:$/u.test(url.protocol)) return refuse('is no URL of https:');
  if (url.username !== '' || url.password !== '')
    return refuse('holds a name or a password, which would be shown: take one without');
  if (url.protocol === 'http:' && !allowHttp)
    return refuse(
      'is of http:, by which everybody on the way reads and changes what is sent; take https:, or say allowHttp (--allow-http)',
    );
  if (url.pathname.endsWith('/')) return refuse('names a folder, not a file');
  return { origin: url.origin, path: url.pathname, search: url.search };
}

/** The address without what may let somebody in. */
export function shownAddress({ origin, path }: Address): string {
  return `${origin}${path}`;
}

/**
 * What a file name of an index leads to, seen from the address of the index; `undefined` where it
 * leads nowhere.
 */
export function resolveName(
  index: string,
  filename: string,
  isRelative: boolean,
): string | undefined {
  const [, origin = '', path = ''] = ADDRESS.exec(index) ?? [];
  const absolute = absoluteAddress(filename);
  if (absolute !== undefined || !isRelative) return absolute;
  const parts = filename.startsWith('/') ? [] : path.split('/').slice(1, -1);
  const isKey = origin.startsWith('s3:');
  // Half a surrogate pair, which no address can have, becomes U+FFFD.
  const named = isKey
    ? filename
    : encodeURIComponent(Buffer.from(filename).toString()).replaceAll('%2F', '/');
  for (const part of named.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== '.' && part !== '') parts.push(part);
  }
  return `${origin}/${parts.join('/')}`;
}

const ADDRESS = /^([a-z0-9]+:\/\/[^/]*)(\/.*)$/su;

/** An address as it is, or as GDAL writes it: `/vsis3/bucket/key`, `/vsicurl/https://…`. */
function absoluteAddress(filename: string): string | undefined {
  const gdals = /^\/vsis3\/(.+)$/su.exec(filename)?.[1];
  const text =
    gdals === undefined ? filename.replace(/^\/vsicurl\/(?=https?:)/u, '') : `s3://${gdals}`;
  if (!isAddress(text)) return undefined;
  try {
    return shownAddress(parseAddress('openVrt', text, true));
  } catch {
    return undefined;
  }
}

/** Whether an address lies in the folder of another, or below that. */
export function isBeside(index: string, address: string): boolean {
  return address.startsWith(index.slice(0, index.lastIndexOf('/') + 1));
}
