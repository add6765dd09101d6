/**
 * The items of GDAL's metadata field (tag 42112): of the file and of its bands, in domains, or with
 * a role.
 */
import { messageOf } from 'holdfast/errors';
import type { BandInfo, MetadataDomains, NotCarried } from '../../model.js';
import { colourInterpretations } from '../../model.js';
import { leadingNumber } from './number-text.js';

const WHERE = 'GDAL_METADATA (tag 42112)';

/** One item. */
export interface MetadataItem {
  readonly name: string;
  /** From 0; missing for the file. */
  readonly band: number | undefined;
  readonly role: string | undefined;
  readonly domain: string | undefined;
  readonly value: string;
}

/** The items in a text; none, and that is told, when it is not well-formed XML. */
export async function metadataItems(
  xml: string | undefined,
  told: NotCarried[],
): Promise<readonly MetadataItem[]> {
  if (!xml) return [];
  try {
    return await parseItems(xml);
  } catch (error) {
    const why = messageOf(error);
    told.push({ what: 'all metadata items', where: WHERE, why: `it is no XML: ${why}` });
    return [];
  }
}

async function parseItems(xml: string): Promise<readonly MetadataItem[]> {
  const { SaxesParser } = await import('saxes');
  const items: MetadataItem[] = [];
  let open: Omit<MetadataItem, 'value'> | undefined;
  let text = '';
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    if (name !== 'Item') return;
    text = '';
    const { name: item = '', sample, role, domain } = attributes;
    open = { name: item, band: sample === undefined ? undefined : Number(sample), role, domain };
  });
  parser.on('text', (piece) => (text += piece));
  parser.on('cdata', (piece) => (text += piece));
  parser.on('closetag', ({ name }) => {
    if (name === 'Item' && open) items.push({ ...open, value: unescaped(text) });
    open = undefined;
  });
  parser.write(xml).close();
  return items;
}

const entities: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

/** GDAL escapes the values before it makes them XML, so they are escaped twice. */
function unescaped(text: string): string {
  return text.replace(
    /&(lt|gt|amp|quot|apos);/gu,
    (whole, name: string) => entities[name] ?? whole,
  );
}

/** What the items of one band say; of items with a role that say nothing, that is told. */
export function bandInfoOf(items: readonly MetadataItem[], told: NotCarried[]): BandInfo {
  const byRole = (role: string) => items.find((item) => item.role === role)?.value;
  const numeric = (role: string) => {
    const text = byRole(role);
    return text === undefined ? undefined : numberOf(text, role, told);
  };
  return {
    description: byRole('description'),
    unit: byRole('unittype'),
    scale: numeric('scale'),
    offset: numeric('offset'),
    metadata: plainItems(items),
    domains: domainsOf(items),
  };
}

function numberOf(text: string, role: string, told: NotCarried[]): number | undefined {
  const number = leadingNumber(text);
  const what = `${role} ${JSON.stringify(text)}`;
  if (!number) told.push({ what, where: WHERE, why: 'it is no number' });
  else if (!number.isWhole)
    told.push({ what, where: WHERE, why: `it is not one number: ${number.value} was taken` });
  return number?.value;
}

/** The colour that an item names, in GDAL's words of any version. */
export function itemColour(
  items: readonly MetadataItem[],
  told: NotCarried[],
): BandInfo['colour'] | undefined {
  const item = items.find((each) => each.role === 'colorinterp');
  if (!item) return undefined;
  const colour = colourInterpretations.find(
    (name) => name.toLowerCase() === item.value.toLowerCase(),
  );
  const what = `colour interpretation ${JSON.stringify(item.value)}`;
  if (!colour) told.push({ what, where: WHERE, why: 'GDAL has none of this name' });
  return colour;
}

/** The items of the default domain. */
export function plainItems(
  items: readonly MetadataItem[],
): Readonly<Record<string, string>> | undefined {
  const plain = items.filter(({ role, domain }) => role === undefined && !domain);
  if (plain.length === 0) return undefined;
  return Object.fromEntries(plain.map(({ name, value }) => [name, value]));
}

/** What GDAL makes itself of how a file is stored; of a mosaic it says so too. */
const ofTheFile: ReadonlySet<string> = new Set([
  'IMAGE_STRUCTURE',
  'DERIVED_SUBDATASETS',
  'OVERVIEWS',
  // A mosaic's own facts, and those of an index over files that were there (vrt/vrt-text.ts).
  'HOLDFAST',
  'HOLDFAST_FILES',
]);

/**
 * Domains that say how a file is stored, or what one of our mosaics is: of another file they would
 * say nothing.
 */
export function isOfTheFile(domain: string): boolean {
  return ofTheFile.has(domain);
}

/** The items of the other domains. */
export function domainsOf(items: readonly MetadataItem[]): MetadataDomains | undefined {
  const domains: Record<string, Record<string, string> | string> = {};
  for (const { name, role, domain, value } of items) {
    if (role !== undefined || !domain || ofTheFile.has(domain)) continue;
    const known = domains[domain];
    if (isDocument(domain)) domains[domain] = /^json:/iu.test(domain) ? jsonOf(name, value) : value;
    else domains[domain] = { ...(typeof known === 'object' && known), [name]: value };
  }
  return Object.keys(domains).length > 0 ? domains : undefined;
}

/** GDAL cuts a document of JSON in two at its first colon, as if it were an item. */
function jsonOf(name: string, value: string): string {
  return name === '' ? value : `${name}:${value}`;
}

/** The same domains, of which those of XML are one document each; what is none is told. */
export async function wellFormed(
  domains: MetadataDomains | undefined,
  where: string,
  told: NotCarried[],
): Promise<MetadataDomains | undefined> {
  if (!domains) return undefined;
  const kept: Record<string, Readonly<Record<string, string>> | string> = {};
  for (const [domain, content] of Object.entries(domains)) {
    if (typeof content !== 'string' || !/^xml:/iu.test(domain)) kept[domain] = content;
    else {
      // One document inside another has no declaration.
      const document = content.replace(/^\ufeff?\s*<\?xml[^>]*\?>/u, '').trim();
      try {
        const { parseXml } = await import('../../read/xml-tree.js');
        await parseXml(document);
        kept[domain] = document;
      } catch (error) {
        const why = `it is no XML: ${messageOf(error)}`;
        told.push({ what: `the metadata domain ${domain}`, where, why });
      }
    }
  }
  return Object.keys(kept).length > 0 ? kept : undefined;
}

/** Domains of one document, rather than of items. */
export function isDocument(domain: string): boolean {
  return /^(?:xml|json):/iu.test(domain);
}
