/**
 * The units of vertical systems, in GDAL's words: by GeoKey 4099, else by EPSG's code (4096) of the
 * system.
 */
import { epsgKind } from './epsg.js';
import type { GeoKey } from '../model.js';
import { geoKeys } from './geo-key-ids.js';

const names: Readonly<Record<number, string>> = {
  9001: 'metre',
  9002: 'foot',
  9003: 'US survey foot',
  9095: 'British foot (1936)',
};

/** EPSG's vertical systems (10.076) that are not in metres. */
const systems: Readonly<Record<number, readonly number[]>> = {
  9002: [5614, 6130, 6131, 6132, 8050, 8051, 8228, 8897],
  9003: [5702, 6358, 6359, 6360, 8052, 8053],
  9095: [5754],
};

const METRE = 9001;
const USER_DEFINED = 32767;

/** `undefined` without a vertical system, and for units that have no name here. */
export function verticalUnit(keys: readonly GeoKey[]): string | undefined {
  const valueOf = (id: number) => keys.find((key) => key.id === id)?.value;
  const system = valueOf(geoKeys.vertical);
  // A geographic system of three dimensions, whose heights GDAL says nothing of.
  if (typeof system === 'number' && epsgKind(system) === 'geographic') return undefined;
  const unit = valueOf(geoKeys.verticalUnits);
  if (typeof unit === 'number') return names[unit];
  if (typeof system !== 'number' || system === 0 || system === USER_DEFINED) return undefined;
  const found = Object.entries(systems).find(([, codes]) => codes.includes(system));
  return names[Number(found?.[0] ?? METRE)];
}
