/** `s3://bucket/key`. */
import { invalidArgument } from 'holdfast/options';
import type { ObjectName } from './store/object-store.js';

/**
 * Amazon S3, "General purpose bucket naming rules"; older buckets have capitals and underscores.
 */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

/** Amazon S3, "Naming Amazon S3 objects". */
const MAX_KEY_BYTES = 1024;

/**
 * The object that a URL names. What follows the bucket is the key as it is: nothing in it is
 * decoded, as with the AWS command line.
 *
 * @throws HoldfastError INVALID_ARGUMENT for what is no such URL, and for a key that cannot be
 *   asked for by HTTP
 */
export function parseS3Url(call: string, url: unknown): ObjectName {
  const refuse = (why: string): never => {
    throw invalidArgument(call, why, typeof url === 'string' ? url : '');
  };
  if (typeof url !== 'string' || !url.startsWith('s3://')) {
    return refuse(
      `${call} of @holdfast/objectstore takes s3://bucket/key; for a file take that of holdfast`,
    );
  }
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(url) ?? [];
  if (!BUCKET.test(bucket))
    refuse('the name of the bucket, after s3://, is none that a bucket can have');
  if (key === '' || key.endsWith('/')) refuse('the URL names no object: s3://bucket/key');
  checkKey(key, refuse);
  return { bucket, key };
}

/** The object as a URL. */
export function urlOf({ bucket, key }: ObjectName): string {
  return `s3://${bucket}/${key}`;
}

function checkKey(key: string, refuse: (why: string) => never): void {
  if (/\p{Surrogate}/u.test(key)) refuse('the key holds half a surrogate pair');
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) refuse(`a key has ${MAX_KEY_BYTES} bytes at most`);
  if (/\p{Cc}/u.test(key)) refuse('the key holds a control character');
  // Every client and proxy on the way may resolve them as in a path, and ask for another object.
  if (key.split('/').some((part) => part === '.' || part === '..'))
    refuse("the key has a part '.' or '..', which HTTP takes for a way");
}
