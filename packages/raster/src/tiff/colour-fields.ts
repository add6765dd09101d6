/**
 * What the bands mean to the eye: photometric interpretation, palette and extra samples (TIFF 6.0,
 * section 8 and page 31).
 */
import type { BandInfo, ColourInterpretation, DataType, PaletteEntry } from '../model.js';
import type { Field } from './directory.js';
import { tags } from './tags.js';

const MIN_IS_BLACK = 1;
const RGB = 2;
const PALETTE = 3;
const EXTRA_UNSPECIFIED = 0;
const EXTRA_UNASSOCIATED_ALPHA = 2;

/**
 * The fields for these bands: RGB and palettes where TIFF can say them, else grey and extra
 * samples.
 */
export function colourFields(bands: readonly BandInfo[], dataType: DataType): readonly Field[] {
  const photometric = photometricOf(bands, dataType);
  const extras = bands.slice(photometric === RGB ? 3 : 1).map(extraSample);
  const palette = photometric === PALETTE ? (bands[0]?.palette ?? []) : [];
  const field = (tag: number, values: readonly number[]): Field => ({ tag, type: 'short', values });
  return [
    field(tags.photometricInterpretation, [photometric]),
    ...(extras.length > 0 ? [field(tags.extraSamples, extras)] : []),
    ...(photometric === PALETTE ? [field(tags.colorMap, colorMap(palette, dataType))] : []),
  ];
}

/**
 * The colours of all bands, when the fields cannot tell them: bands in another order than RGB, or
 * other colours.
 */
export function untoldColours(
  bands: readonly BandInfo[],
  dataType: DataType,
): readonly ColourInterpretation[] {
  const photometric = photometricOf(bands, dataType);
  const told = {
    [MIN_IS_BLACK]: ['Gray'],
    [RGB]: ['Red', 'Green', 'Blue'],
    [PALETTE]: ['Palette'],
  }[photometric];
  const colours = bands.map(
    (band, index) => band.colour ?? (told?.[index] as undefined) ?? 'Undefined',
  );
  const same = colours.every(
    (colour, index) => colour === (told?.[index] ?? (colour === 'Alpha' ? 'Alpha' : 'Undefined')),
  );
  return same ? [] : colours;
}

function photometricOf(bands: readonly BandInfo[], dataType: DataType): number {
  const displayable = dataType === 'uint8' || dataType === 'uint16';
  if (!displayable) return MIN_IS_BLACK;
  if (bands[0]?.colour === 'Palette' && bands[0].palette) return PALETTE;
  const first = bands.slice(0, 3).map((band) => band.colour);
  return first.join() === 'Red,Green,Blue' ? RGB : MIN_IS_BLACK;
}

function extraSample(band: BandInfo): number {
  return band.colour === 'Alpha' ? EXTRA_UNASSOCIATED_ALPHA : EXTRA_UNSPECIFIED;
}

/**
 * All reds, then all greens, then all blues, on a scale of 0 to 65535; values without an entry are
 * black.
 */
function colorMap(palette: readonly PaletteEntry[], dataType: DataType): readonly number[] {
  const length = dataType === 'uint8' ? 256 : 65536;
  const channels = [0, 1, 2] as const;
  return channels.flatMap((channel) =>
    Array.from({ length }, (_, value) => (palette[value]?.[channel] ?? 0) * 257),
  );
}
