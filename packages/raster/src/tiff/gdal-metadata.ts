/**
 * The XML of the GDAL_METADATA tag (42112): what a raster and its bands carry beyond TIFF's own
 * tags.
 */
import type { BandInfo, ColourInterpretation, MetadataDomains } from '../model.js';
import { isStatistic } from '../statistics/gdal-statistics.js';

/** What the XML says. */
export interface GdalMetadata {
  readonly bands: readonly BandInfo[];
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The colours of the bands, when TIFF's own tags do not tell them. */
  readonly colours?: readonly ColourInterpretation[] | undefined;
  /** Of each band, by `statisticsMetadata`; the source's own are left out in any case. */
  readonly statistics?: readonly Readonly<Record<string, string>>[] | undefined;
  /** Other domains of the raster, and of its bands too. */
  readonly domains?: MetadataDomains | undefined;
}

interface Item {
  readonly name: string;
  readonly value: string;
  readonly role?: string;
  readonly domain?: string;
}

/** The XML, or `undefined` when there is nothing to say. */
export function gdalMetadataXml(said: GdalMetadata): string | undefined {
  const { bands, metadata = {}, colours = [], statistics = [], domains } = said;
  const lines = [
    ...plainItems(metadata).map((item) => itemXml(item)),
    ...domainItems(domains).map((item) => itemXml(item)),
    ...bands.flatMap((band, index) =>
      [
        ...bandItems(band, colours[index]),
        ...plainItems(statistics[index] ?? {}, () => true),
        ...(domains ? domainItems(band.domains) : []),
      ].map((item) => itemXml(item, index)),
    ),
  ];
  if (lines.length === 0) return undefined;
  return `<GDALMetadata>\n${lines.map((line) => `  ${line}\n`).join('')}</GDALMetadata>\n`;
}

function plainItems(
  items: Readonly<Record<string, string>>,
  isKept: (key: string) => boolean = (key) => !isStatistic(key),
): Item[] {
  const kept = Object.entries(items).filter(([key]) => isKept(key));
  return kept.map(([name, value]) => ({ name, value }));
}

function domainItems(domains: MetadataDomains = {}): Item[] {
  return Object.entries(domains).flatMap(([domain, content]) => {
    if (typeof content === 'object')
      return plainItems(content, () => true).map((item) => ({ ...item, domain }));
    return [{ ...documentItem(domain, content), domain }];
  });
}

/** GDAL takes a document of JSON for an item whose name ends at its first colon. */
function documentItem(domain: string, content: string): Item {
  const colon = /^json:/iu.test(domain) ? content.indexOf(':') : -1;
  if (colon < 0) return { name: 'doc', value: content };
  return { name: content.slice(0, colon), value: content.slice(colon + 1) };
}

function bandItems(band: BandInfo, colour: ColourInterpretation | undefined): readonly Item[] {
  // Those of the whole raster are not true of a tile.
  const items = plainItems(band.metadata ?? {});
  const add = (name: string, value: string, role: string): void => {
    items.push({ name, value, role });
  };
  if (band.description) add('DESCRIPTION', band.description, 'description');
  if (band.unit) add('UNITTYPE', band.unit, 'unittype');
  if (band.scale !== undefined) add('SCALE', String(band.scale), 'scale');
  if (band.offset !== undefined) add('OFFSET', String(band.offset), 'offset');
  if (colour) add('COLORINTERP', colour, 'colorinterp');
  return items;
}

function itemXml({ name, value, role, domain }: Item, sample?: number): string {
  const place = sample === undefined ? '' : ` sample="${sample}"`;
  const part = role === undefined ? '' : ` role="${role}"`;
  const space = domain === undefined ? '' : ` domain="${escapeXml(domain)}"`;
  // GDAL escapes a value before it makes it XML, and undoes both.
  const text = escapeXml(escapeXml(value));
  return `<Item name="${escapeXml(name)}"${place}${part}${space}>${text}</Item>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escapeXml(text: string): string {
  // XML 1.0 has no way to write most control characters, not even as references.
  // oxlint-disable-next-line no-control-regex -- these are the characters meant
  const legal = text.replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F]/g, '');
  return legal.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
