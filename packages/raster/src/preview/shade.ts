/**
 * Hillshading: how bright each cell of a terrain is under one light. Slope and aspect by Horn's
 * method (B. K. P. Horn, Hill shading and the reflectance map, Proceedings of the IEEE 69(1),
 * 1981), as GDAL's `gdaldem hillshade` does.
 */

interface Light {
  /** Where the light comes from, in degrees clockwise from north. */
  readonly azimuthDegrees: number;
  /** How high it stands over the horizon, in degrees. */
  readonly altitudeDegrees: number;
}

/** A terrain: heights in rows from the top, not-a-number where there is none. */
interface Heights {
  readonly values: Float64Array;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Size of a cell in the unit of the heights, along a row and along a column. */
  readonly cellWidth: number;
  readonly cellHeight: number;
}

const northWestLight: Light = { azimuthDegrees: 315, altitudeDegrees: 45 };

/**
 * Brightness of each cell from 0 (in shadow) to 1 (facing the light), not-a-number where there is
 * no height. A neighbour without a height, or outside, counts as being as high as the cell itself.
 */
export function hillshade(heights: Heights, light: Light = northWestLight): Float64Array {
  const { widthPx, heightPx, cellWidth, cellHeight } = heights;
  const zenith = ((90 - light.altitudeDegrees) * Math.PI) / 180;
  // Azimuth as a mathematical angle: anticlockwise from east.
  const azimuth = ((450 - light.azimuthDegrees) * Math.PI) / 180;
  const shade = new Float64Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y += 1) {
    for (let x = 0; x < widthPx; x += 1) {
      const [east, north] = slopeAt(heights, x, y);
      const slope = Math.atan(Math.hypot(east / (8 * cellWidth), north / (8 * cellHeight)));
      // The direction in which the ground falls.
      const aspect = Math.atan2(-north / cellHeight, -east / cellWidth);
      const cosine =
        Math.cos(zenith) * Math.cos(slope) +
        Math.sin(zenith) * Math.sin(slope) * Math.cos(azimuth - aspect);
      const missing = Number.isNaN(heights.values[y * widthPx + x]);
      shade[y * widthPx + x] = missing ? Number.NaN : Math.max(0, cosine);
    }
  }
  return shade;
}

/** Eight times the rise of a cell's neighbourhood towards the east and the north, per cell. */
function slopeAt(heights: Heights, x: number, y: number): [east: number, north: number] {
  const own = heights.values[y * heights.widthPx + x] as number;
  const at = (dx: number, dy: number): number => heightAt(heights, x + dx, y + dy, own);
  const [nw, n, ne] = [at(-1, -1), at(0, -1), at(1, -1)];
  const [w, e] = [at(-1, 0), at(1, 0)];
  const [sw, s, se] = [at(-1, 1), at(0, 1), at(1, 1)];
  return [ne + 2 * e + se - (nw + 2 * w + sw), nw + 2 * n + ne - (sw + 2 * s + se)];
}

function heightAt(heights: Heights, x: number, y: number, own: number): number {
  const { values, widthPx, heightPx } = heights;
  if (x < 0 || y < 0 || x >= widthPx || y >= heightPx) return own;
  const value = values[y * widthPx + x] as number;
  return Number.isNaN(value) ? own : value;
}
