/**
 * The XML of the GDAL_METADATA tag (42112): what a raster and its bands carry beyond TIFF's own
 * tags.
 */
import type { BandInfo, ColourInterpretation } from '../model.js';
import { isStatistic } from '../statistics/gdal-statistics.js';

type Item = readonly [name: string, value: string, role?: string];

/**
 * The XML for these bands and items, or `undefined` when there is nothing to say.
 *
 * @param colours - the colours of the bands, when TIFF's own tags do not tell them
 */
export function gdalMetadataXml(
  bands: readonly BandInfo[],
  metadata: Readonly<Record<string, string>> = {},
  colours: readonly ColourInterpretation[] = [],
): string | undefined {
  const lines = [
    ...Object.entries(metadata)
      .filter(([key]) => !isStatistic(key))
      .map((item) => itemXml(item)),
    ...bands.flatMap((band, index) =>
      bandItems(band, colours[index]).map((item) => itemXml(item, index)),
    ),
  ];
  if (lines.length === 0) return undefined;
  return `<GDALMetadata>\n${lines.map((line) => `  ${line}\n`).join('')}</GDALMetadata>\n`;
}

function bandItems(band: BandInfo, colour: ColourInterpretation | undefined): readonly Item[] {
  // Those of the whole raster are not true of a tile.
  const items: Item[] = Object.entries(band.metadata ?? {}).filter(([key]) => !isStatistic(key));
  if (band.description) items.push(['DESCRIPTION', band.description, 'description']);
  if (band.unit) items.push(['UNITTYPE', band.unit, 'unittype']);
  if (band.scale !== undefined) items.push(['SCALE', String(band.scale), 'scale']);
  if (band.offset !== undefined) items.push(['OFFSET', String(band.offset), 'offset']);
  if (colour) items.push(['COLORINTERP', colour, 'colorinterp']);
  return items;
}

function itemXml([name, value, role]: Item, sample?: number): string {
  const place = sample === undefined ? '' : ` sample="${sample}"`;
  const part = role === undefined ? '' : ` role="${role}"`;
  // GDAL escapes a value before it makes it XML, and undoes both.
  return `<Item name="${escapeXml(name)}"${place}${part}>${escapeXml(escapeXml(value))}</Item>`;
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
