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
  const { values, widthPx, heightPx, cellWidth, cellHeight } = heights;
  const zenith = ((90 - light.altitudeDegrees) * Math.PI) / 180;
  // Azimuth as a mathematical angle: anticlockwise from east.
  const azimuth = ((450 - light.azimuthDegrees) * Math.PI) / 180;
  // Where the light is, as a vector towards east, north and up.
  const lightEast = Math.sin(zenith) * Math.cos(azimuth);
  const lightNorth = Math.sin(zenith) * Math.sin(azimuth);
  const lightUp = Math.cos(zenith);
  const shade = new Float64Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y += 1) {
    const above = y === 0 ? -1 : (y - 1) * widthPx;
    const row = y * widthPx;
    const below = y === heightPx - 1 ? -1 : (y + 1) * widthPx;
    for (let x = 0; x < widthPx; x += 1) {
      const own = values[row + x] as number;
      const [west, east] = [x > 0, x < widthPx - 1];
      const at = (start: number, dx: number, isThere: boolean): number => {
        if (start < 0 || !isThere) return own;
        const value = values[start + x + dx] as number;
        return Number.isNaN(value) ? own : value;
      };
      const [nw, n, ne] = [at(above, -1, west), at(above, 0, true), at(above, 1, east)];
      const [w, e] = [at(row, -1, west), at(row, 1, east)];
      const [sw, s, se] = [at(below, -1, west), at(below, 0, true), at(below, 1, east)];
      // How much the ground rises towards the east and the north.
      const toEast = (ne + 2 * e + se - (nw + 2 * w + sw)) / (8 * cellWidth);
      const toNorth = (nw + 2 * n + ne - (sw + 2 * s + se)) / (8 * cellHeight);
      // The cosine of the angle between the light and what stands square on the ground, which leans
      // to where that falls.
      const facing = lightUp - lightEast * toEast - lightNorth * toNorth;
      const cosine = facing / Math.sqrt(1 + toEast * toEast + toNorth * toNorth);
      shade[row + x] = Number.isNaN(own) ? Number.NaN : Math.max(0, cosine);
    }
  }
  return shade;
}
