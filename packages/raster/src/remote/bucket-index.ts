/**
 * The index of a mosaic in a bucket: what it has to know of the generations of its tiles stands in
 * its metadata domain `HOLDFAST`, which GDAL keeps when it writes an index anew. So an index that a
 * reader has put back over a newer one is still known for what it is.
 *
 *     PREFIX/dem.vrt                                  the index, and the one commit point
 *     PREFIX/dem_tiles/generations/<generation>/…     tiles and overviews
 *     PREFIX/dem_tiles/claims/…, manifests/…          see the directories of @holdfast/objectstore
 */
import { createHash } from 'node:crypto';
import { invalidArgument } from 'holdfast/options';
import { DIGEST_LINE, digestLine } from '../vrt/index-digest.js';
import { vrtDomain } from '../vrt/vrt-text.js';
import { parseAddress, shownAddress } from './address.js';
import type { BucketAccess } from './stores.js';

/** Where a mosaic in a bucket lies. */
export interface BucketPlace {
  /** `s3://bucket/prefix/dem.vrt` */
  readonly indexUrl: string;
  /** `s3://bucket/prefix/dem_tiles` */
  readonly tilesUrl: string;
  /** `dem_tiles` */
  readonly tilesName: string;
  readonly index: BucketAccess['index'];
}

/** @throws HoldfastError INVALID_ARGUMENT */
export function bucketPlaceOf(call: string, address: string): BucketPlace {
  const indexUrl = shownAddress(parseAddress(call, address, false));
  const stem = /\/([^/]+)\.vrt$/iu.exec(indexUrl)?.[1];
  if (stem === undefined)
    throw invalidArgument(call, 'the index must be named SOMETHING.vrt', indexUrl);
  const tilesName = `${stem}_tiles`;
  const tilesUrl = `${indexUrl.slice(0, indexUrl.lastIndexOf('/'))}/${tilesName}`;
  const contentType = 'application/xml';
  return {
    indexUrl,
    tilesUrl,
    tilesName,
    index: { url: indexUrl, contentType, factsIn, withFacts },
  };
}

const DOMAIN = `<Metadata domain="${vrtDomain}">`;
const FACTS = /<MDI key="BUCKET">([-0-9a-z ]*)<\/MDI>/u;

/** The part of a text that may hold them: up to the end of the domain. */
function headOf(text: string): string {
  const begin = text.indexOf(DOMAIN);
  return begin < 0 ? '' : text.slice(0, text.indexOf('</Metadata>', begin));
}

export function factsIn(text: string): string | undefined {
  return FACTS.exec(headOf(text))?.[1];
}

/** The digest at the end of the text is made anew, where it has one. */
export function withFacts(text: string, facts: string): string {
  const line = `<MDI key="BUCKET">${facts}</MDI>`;
  if (text === '') return `<!-- There is no mosaic here yet. ${DOMAIN}${line}</Metadata> -->\n`;
  const head = headOf(text);
  const known = FACTS.test(head)
    ? head.replace(FACTS, line)
    : head.replace(DOMAIN, `${DOMAIN}\n    ${line}`);
  const body = known + text.slice(head.length).replace(DIGEST_LINE, '');
  if (!DIGEST_LINE.test(text)) return body;
  return body + digestLine(createHash('sha256').update(body).digest('hex'));
}
