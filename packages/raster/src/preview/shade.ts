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
  // Where the light is, as a vector towards east, north and up.
  const lightEast = Math.sin(zenith) * Math.cos(azimuth);
  const lightNorth = Math.sin(zenith) * Math.sin(azimuth);
  const lightUp = Math.cos(zenith);
  const shade = new Float64Array(widthPx * heightPx);
  // Nothing is made for a pixel, of which there are millions.
  const around = framed(heights);
  const stride = widthPx + 2;
  for (let y = 0; y < heightPx; y += 1) {
    for (let x = 0; x < widthPx; x += 1) {
      const at = (y + 1) * stride + x + 1;
      const own = around[at] as number;
      const nw = orOwn(around[at - stride - 1], own);
      const n = orOwn(around[at - stride], own);
      const ne = orOwn(around[at - stride + 1], own);
      const w = orOwn(around[at - 1], own);
      const e = orOwn(around[at + 1], own);
      const sw = orOwn(around[at + stride - 1], own);
      const s = orOwn(around[at + stride], own);
      const se = orOwn(around[at + stride + 1], own);
      // How much the ground rises towards the east and the north.
      const toEast = (ne + 2 * e + se - (nw + 2 * w + sw)) / (8 * cellWidth);
      const toNorth = (nw + 2 * n + ne - (sw + 2 * s + se)) / (8 * cellHeight);
      // The cosine of the angle between the light and what stands square on the ground, which leans
      // to where that falls.
      const facing = lightUp - lightEast * toEast - lightNorth * toNorth;
      const cosine = facing / Math.sqrt(1 + toEast * toEast + toNorth * toNorth);
      shade[y * widthPx + x] = Number.isNaN(own) ? Number.NaN : Math.max(0, cosine);
    }
  }
  return shade;
}

/** The heights in a frame of cells without one. */
function framed({ values, widthPx, heightPx }: Heights): Float64Array {
  const frame = new Float64Array((widthPx + 2) * (heightPx + 2)).fill(Number.NaN);
  for (let y = 0; y < heightPx; y += 1)
    frame.set(values.subarray(y * widthPx, (y + 1) * widthPx), (y + 1) * (widthPx + 2) + 1);
  return frame;
}

function orOwn(value: number | undefined, own: number): number {
  return Number.isNaN(value) ? own : (value as number);
}
