/** Elements that mean the same in a VRT and in a `.aux.xml` of GDAL. */
import type { Crs, GroundControlPoints, MetadataDomains, PaletteEntry } from '../model.js';
import { isDocument, isOfTheFile } from '../source/geotiff/gdal-items.js';
import { leadingNumber } from '../source/geotiff/number-text.js';
import { xmlText } from '../vrt/xml.js';
import { children, type XmlElement } from './xml-tree.js';

/** A `GCPList`. */
export function gcpsOf(
  element: XmlElement,
  crsOf: (text: string | undefined) => Crs | undefined,
): GroundControlPoints {
  const number = (text: string | undefined): number => leadingNumber(text ?? '')?.value ?? 0;
  return {
    crs: crsOf(element.attributes['Projection']),
    points: children(element, 'GCP').map(({ attributes }) => ({
      id: attributes['Id'] ?? '',
      info: attributes['Info'],
      pixel: number(attributes['Pixel']),
      line: number(attributes['Line']),
      x: number(attributes['X']),
      y: number(attributes['Y']),
      z: number(attributes['Z'] ?? attributes['GCPZ']),
    })),
  };
}

/** A `ColorTable`. */
export function paletteOf(element: XmlElement): readonly PaletteEntry[] {
  return children(element, 'Entry').map(
    ({ attributes }) =>
      ['c1', 'c2', 'c3', 'c4'].map((name) =>
        Number(attributes[name] ?? (name === 'c4' ? 255 : 0)),
      ) as unknown as PaletteEntry,
  );
}

/** `CategoryNames`. */
export function categoriesOf(element: XmlElement): readonly string[] {
  return children(element, 'Category').map(({ text }) => text);
}

/**
 * The `Metadata` elements in an element: items of the default domain, and what the other domains
 * hold.
 */
export function metadataOf(element: XmlElement): {
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly domains: MetadataDomains | undefined;
} {
  let metadata: Record<string, string> | undefined;
  const domains: Record<string, Record<string, string> | string> = {};
  for (const each of children(element, 'Metadata')) {
    const { domain = '' } = each.attributes;
    const items = Object.fromEntries(
      children(each, 'MDI').map(({ attributes, text }) => [attributes['key'] ?? '', text]),
    );
    if (domain === '') metadata = { ...metadata, ...items };
    else if (isDocument(domain)) domains[domain] = each.children.map(xmlText).join('') || each.text;
    else if (!isOfTheFile(domain)) domains[domain] = items;
  }
  return { metadata, domains: Object.keys(domains).length > 0 ? domains : undefined };
}
