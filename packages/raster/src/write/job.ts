/**
 * What a write is to make, as three digests: tiles that an earlier run has finished are of use to a
 * later one only if all three are the same. What does not change a byte (threads, places, waiting)
 * is in none of them.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { HoldfastError } from 'holdfast';
import type { MosaicPlan } from './mosaic-plan.js';

/** The digests of a job. */
export interface Job {
  /** Of what the source says of its samples. */
  readonly source: string;
  /** Of everything else that decides about the bytes: size, georeferencing, grid, tile format. */
  readonly options: string;
  /** The version of this package. */
  readonly writer: string;
}

/** Said of what differs, in the order in which it is told. */
const words: Readonly<Record<keyof Job, string>> = {
  source: 'source',
  options: 'options',
  writer: 'version of Holdfast',
};

const { version } = createRequire(import.meta.url)('@holdfast/raster/package.json') as {
  version: string;
};

/** The job of a plan with `resume`. The fingerprint may read the whole source. */
export async function jobOf(plan: MosaicPlan): Promise<Job> {
  const { source, format, grid, srs, pyramid, statistics, skipEmpty, item, gti } = plan;
  return {
    source: digest(await fingerprintOf(plan)),
    options: digest({
      info: source.info,
      format,
      grid,
      srs,
      pyramid,
      skipEmpty,
      statistics,
      item,
      gti,
    }),
    writer: version,
  };
}

async function fingerprintOf({ source, indexPath }: MosaicPlan): Promise<string> {
  try {
    return (await source.fingerprint?.()) ?? '';
  } catch (cause) {
    throw new HoldfastError('UPDATER_FAILED', {
      message: 'The source could not tell which samples it has.',
      step: 'resume',
      path: indexPath,
      cause,
    });
  }
}

/** What is different, in words; empty for the same job. */
export function differences(a: Job, b: Job): string {
  const names = (['source', 'options', 'writer'] as const).filter((name) => a[name] !== b[name]);
  return names.map((name) => words[name]).join(', ');
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, plainly)).digest('hex').slice(0, 32);
}

/** What JSON would drop or confuse, as text. */
function plainly(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array);
  return value;
}
