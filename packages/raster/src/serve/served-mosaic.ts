/**
 * One generation of a mosaic while it is served. Whoever uses it keeps it open: an answer is made
 * of one generation, also when the mosaic is replaced in the middle of it.
 */
import { createHash } from 'node:crypto';
import { type Mosaic, openVrt, type OpenVrtOptions } from '../read/open-vrt.js';
import { textOfParts } from '../read/vrt-document.js';
import { vrtDomain } from '../vrt/vrt-text.js';
import { type MapGrid, mapGridOf } from './map-grid.js';
import { type BandSummary, summaryOf } from './summary.js';

const ID_LENGTH = 16;

export class ServedMosaic {
  readonly mosaic: Mosaic;
  readonly grid: MapGrid;
  /** The same for the same index: what an answer's ETag is made of. */
  readonly id: string;
  /** As the index names it, or its id in one that does not. */
  readonly generation: string;
  readonly #summaries = new Map<number, Promise<BandSummary>>();
  #users = 0;
  #isRetired = false;

  constructor(mosaic: Mosaic) {
    const { document } = mosaic;
    this.mosaic = mosaic;
    this.grid = mapGridOf(mosaic);
    const parts = textOfParts([document, [...document.metadata]]);
    this.id = createHash('sha256').update(parts).digest('hex').slice(0, ID_LENGTH);
    this.generation = document.metadata.get(vrtDomain)?.['GENERATION'] ?? this.id;
  }

  /** Looked at once. */
  async summary(band: number): Promise<BandSummary> {
    const known = this.#summaries.get(band) ?? summaryOf(this.mosaic, this.grid, band);
    this.#summaries.set(band, known);
    known.catch(() => this.#summaries.delete(band));
    return known;
  }

  async use<T>(work: (served: ServedMosaic) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work(this);
    } finally {
      this.#users -= 1;
      await this.#closeIfUnused();
    }
  }

  /** Closes it, once nobody uses it any more. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    await this.#closeIfUnused();
  }

  async #closeIfUnused(): Promise<void> {
    if (this.#isRetired && this.#users === 0) await this.mosaic.close();
  }
}

/**
 * Opens a mosaic, and looks at it.
 *
 * @throws HoldfastError all that `openVrt` throws
 */
export async function openServed(
  path: string,
  options: OpenVrtOptions,
): Promise<{ readonly served: ServedMosaic; readonly failure: string | undefined }> {
  const mosaic = await openVrt(path, options);
  try {
    const served = new ServedMosaic(mosaic);
    const { failure } = await served.summary(1);
    return { served, failure };
  } catch (error) {
    await mosaic.close();
    throw error;
  }
}
