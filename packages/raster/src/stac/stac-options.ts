/** What a caller may say of the STAC item of what he writes. */
import { types } from 'node:util';
import { checkOptions, invalidArgument } from 'holdfast/options';
import type { RasterInfo } from '../model.js';

/** What the STAC item of a raster says that the raster does not. */
export interface StacOptions {
  /** The item's name; by default that of the file, without its ending. */
  readonly id?: string | undefined;
  /**
   * When the raster was taken: an instant (a `Date`, or RFC 3339 such as `2024-06-01T10:20:30Z`),
   * or two with `/` between them, from the first to the last. By default what the raster's
   * `TIFFTAG_DATETIME` says, taken for UTC. An item must have one.
   */
  readonly datetime?: string | Date | undefined;
  /**
   * Whether there is to be an item of each tile too, with the same time: all in one item collection
   * (GeoJSON's FeatureCollection), `<index>.items.json`, beside the item. `false` by default; a
   * single file has no tiles.
   */
  readonly tiles?: boolean | undefined;
}

/** As it stands in the properties of an item. */
export type ItemTime =
  | { readonly datetime: string }
  | {
      readonly datetime: null;
      readonly start_datetime: string;
      readonly end_datetime: string;
    };

/** What is wanted: checked, and with a time. */
export interface WantedItem {
  readonly id: string;
  readonly time: ItemTime;
  /** Whether each tile gets one too. */
  readonly tiles: boolean;
}

/**
 * The item that a caller wants of a raster; `undefined` for none.
 *
 * @param stem - the name of the file without its ending
 * @throws HoldfastError INVALID_ARGUMENT where no time is known, or none that STAC takes
 */
export function wantedItem(
  call: string,
  stac: boolean | StacOptions | undefined,
  { info, stem }: { readonly info: RasterInfo; readonly stem: string },
): WantedItem | undefined {
  if (stac === undefined || stac === false) return undefined;
  const options = stac === true ? {} : stac;
  checkOptions(call, options, ['id', 'datetime', 'tiles']);
  const { id = stem, datetime, tiles = false } = options;
  if (typeof id !== 'string' || id === '')
    throw invalidArgument(call, 'the id of a STAC item is a text that is not empty');
  if (typeof tiles !== 'boolean') throw invalidArgument(call, 'stac.tiles is true or false');
  return { id, time: timeOf(call, datetime ?? dateOfTag(info)), tiles };
}

/** `YYYY:MM:DD HH:MM:SS` (TIFF 6.0, DateTime), in whatever zone. */
function dateOfTag({ metadata }: RasterInfo): string | undefined {
  const text = metadata?.['TIFFTAG_DATETIME'] ?? '';
  const [, year, month, day, time] =
    /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)\s*$/u.exec(text) ?? [];
  return time === undefined ? undefined : `${year}-${month}-${day}T${time}Z`;
}

function timeOf(call: string, given: string | Date | undefined): ItemTime {
  if (given === undefined)
    throw invalidArgument(
      call,
      'a STAC item must say when the raster was taken, and its DateTime tag does not: give stac a datetime (--datetime)',
    );
  if (typeof given !== 'string' || !given.includes('/'))
    return { datetime: instantOf(call, given) };
  const [start = '', end = '', ...more] = given.split('/').map((each) => instantOf(call, each));
  if (more.length > 0 || Date.parse(start) > Date.parse(end))
    throw invalidArgument(call, `'${given}' is no time from one instant to a later one`);
  return { datetime: null, start_datetime: start, end_datetime: end };
}

/** RFC 3339, section 5.6; STAC wants it in UTC. */
const INSTANT = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/u;

function instantOf(call: string, given: unknown): string {
  const date = types.isDate(given) ? given : parsed(given);
  if (date && !Number.isNaN(date.getTime())) return date.toISOString().replace('.000Z', 'Z');
  throw invalidArgument(
    call,
    `'${String(given)}' is no instant of RFC 3339, such as 2024-06-01T10:20:30Z`,
  );
}

function parsed(given: unknown): Date | undefined {
  const isInstant = typeof given === 'string' && INSTANT.test(given) && isOnCalendar(given);
  return isInstant ? new Date(given) : undefined;
}

/** JavaScript takes the 31st of June for the first of July. */
function isOnCalendar(text: string): boolean {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d\d)-(\d\d)/u.exec(text) ?? [];
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day);
}
