/** What kind of coordinate reference system an EPSG code names. */
import { epsgCompounds, epsgRuns } from './epsg-codes.js';

/** `engineering` stands for all that GeoTIFF has no key for. */
export type EpsgKind =
  'projected' | 'geographic' | 'geocentric' | 'vertical' | 'compound' | 'engineering';

/** The codes of a compound system's two parts. */
interface CompoundParts {
  readonly horizontal: number;
  readonly vertical: number;
}

let kindOfCode: Map<number, EpsgKind> | undefined;
let partsOfCode: Map<number, CompoundParts> | undefined;

/** The kind of a code, or `undefined` for a number that EPSG has not given to a CRS. */
export function epsgKind(code: number): EpsgKind | undefined {
  kindOfCode ??= unpackKinds();
  return kindOfCode.get(code) ?? (compoundParts(code) ? 'compound' : undefined);
}

/** The parts of a compound code. */
export function compoundParts(code: number): CompoundParts | undefined {
  partsOfCode ??= unpackCompounds();
  return partsOfCode.get(code);
}

function unpackKinds(): Map<number, EpsgKind> {
  const kinds = new Map<number, EpsgKind>();
  for (const [kind, runs] of Object.entries(epsgRuns) as [EpsgKind, string][]) {
    let code = 0;
    for (const run of runs.split(' ')) {
      const [gap = '', more = '0'] = run.split('+');
      code += parseInt(gap, 36);
      kinds.set(code, kind);
      for (let left = parseInt(more, 36); left > 0; left -= 1) kinds.set((code += 1), kind);
    }
  }
  return kinds;
}

function unpackCompounds(): Map<number, CompoundParts> {
  let code = 0;
  return new Map(
    epsgCompounds.split(' ').map((entry) => {
      const [gap = 0, horizontal = 0, vertical = 0] = entry
        .split(':')
        .map((part) => parseInt(part, 36));
      code += gap;
      return [code, { horizontal, vertical }];
    }),
  );
}
