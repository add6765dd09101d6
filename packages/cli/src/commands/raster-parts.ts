/**
 * `holdfast raster begin`, `part`, `commit`, `progress` and `abandon`: one mosaic, made by many
 * machines.
 */
import {
  abandonMosaic,
  beginMosaic,
  joinMosaic,
  mosaicProgress,
  type MosaicPartsOptions,
  type MosaicSession,
  type RasterSource,
} from '@holdfast/raster';
import { type Command, Option } from 'commander';
import { errorCodes, type JsonValue } from 'holdfast';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { positiveNumber, wholeNumber, withTimeout } from '../flags.js';
import { interruptible } from '../interrupt.js';
import { MosaicView, watchMosaic } from '../mosaic-view.js';
import { jsonOf, print, shown, type Shown } from '../outputs.js';
import { partStatus } from '../part-status.js';
import { type StoreFlags, withStoreFlags, withTrustFlag } from '../store-flags.js';
import { PART_STATUSES, progressLine } from './parts.js';

type StoreOption = Pick<NonNullable<Parameters<typeof joinMosaic>[3]>, 'store'>;

interface TimeFlag {
  /** In seconds. */
  readonly timeout?: number;
}

interface ProgressFlags extends StoreFlags {
  readonly json?: true;
  readonly watch?: true;
  /** In seconds. */
  readonly interval?: number;
}

interface WorkFlags extends StoreFlags {
  readonly threads?: number;
}

/**
 * What `holdfast raster tile` has, to be shared with it. `Flags` are those that decide about the
 * bytes.
 */
export interface TileCommand<Flags extends StoreFlags> {
  readonly command: Command;
  /** The flags as JSON keeps them, and back. */
  readonly pack: (flags: Flags) => JsonValue;
  readonly unpack: (packed: JsonValue) => Flags;
  readonly open: (inputs: readonly string[], flags: Flags) => Promise<RasterSource>;
  readonly options: (flags: Flags) => MosaicPartsOptions;
  /** The store of an output in a bucket; flags that nothing has a use for are refused. */
  readonly store: (
    output: string,
    flags: StoreFlags,
    inputs?: readonly string[],
  ) => Promise<StoreOption>;
}

/** Of the flags of `tile`, those that are nothing for one that is made in parts. */
const notHere = ['--output', '--threads', '--resume', '--json', '--quiet'];

export function addRasterPartsCommands<Flags extends StoreFlags>(
  raster: Command,
  tile: TileCommand<Flags>,
): void {
  addBegin(raster, tile);
  addPart(raster, tile);
  addCommit(raster, tile);
  addProgress(raster, tile);
  addAbandon(raster, tile);
}

function addBegin<Flags extends StoreFlags>(raster: Command, tile: TileCommand<Flags>): void {
  const begin = withTimeout(
    raster
      .command('begin')
      .description(
        'Begin to write a mosaic in parts, by any number of machines, and print the id of the session; the same command again ' +
          'prints the same id, also after the commit.\n\n' +
          'The inputs must have the same paths on each machine, and stay as they are.',
      )
      .argument('<input>', 'a GeoTIFF, or a VRT of simple sources')
      .argument('<more...>', 'further inputs on the same grid, and OUTPUT.vrt last')
      .requiredOption('--parts <n>', 'how many parts, each a range of tiles', positiveNumber),
  );
  for (const option of tile.command.options) {
    if (!notHere.includes(option.long ?? '')) begin.addOption(option);
  }
  begin
    .addHelpText(
      'after',
      examples(`
  id=$(holdfast raster begin dem.tif dem.vrt --parts 200 --overviews auto)
  holdfast raster begin north.tif south.tif all.vrt --parts 1000 --replace
  holdfast raster begin dem.tif s3://bucket/maps/dem.vrt --parts 200`),
    )
    .action(
      (
        input: string,
        more: readonly string[],
        { parts, timeout, ...flags }: Flags & TimeFlag & { readonly parts: number },
      ) =>
        partStatus(async () => {
          const output = more.at(-1) ?? '';
          const inputs = [input, ...more.slice(0, -1)].map((each) =>
            /^(?:s3|https?):\/\//iu.test(each) ? each : resolve(each),
          );
          const given = flags as unknown as Flags;
          const source = await tile.open(inputs, given);
          try {
            const { id } = await beginMosaic(output, source, {
              ...tile.options(given),
              ...(await tile.store(output, given, inputs)),
              partCount: parts,
              note: { inputs, flags: tile.pack(given) },
              timeoutMs: milliseconds({ timeout }),
            });
            print(shown`${id}`);
          } finally {
            await source.close?.();
          }
        }),
    );
}

/** Joins a session with the inputs that it was begun with, and closes them. */
async function withSession<Flags extends StoreFlags>(
  tile: TileCommand<Flags>,
  [output, id]: readonly [output: string, id: string],
  flags: WorkFlags,
  work: (session: MosaicSession) => Promise<void>,
): Promise<void> {
  let source: RasterSource | undefined;
  try {
    const open = async (note: JsonValue): Promise<RasterSource> => {
      const { inputs, flags: packed } = note as {
        readonly inputs: string[];
        readonly flags: JsonValue;
      };
      // Where a store is each machine says for itself.
      const { endpoint, region, allowHttp } = flags;
      const given = { ...tile.unpack(packed), endpoint, region, allowHttp };
      source = await tile.open(inputs, given);
      return source;
    };
    const store = await tile.store(output, flags);
    await work(await joinMosaic(output, id, open, { threads: flags.threads, ...store }));
  } finally {
    await source?.close?.();
  }
}

function addPart<Flags extends StoreFlags>(raster: Command, tile: TileCommand<Flags>): void {
  withTrustFlag(withStoreFlags(raster.command('part')))
    .description('Write the tiles of one part; a part that is done is not made again')
    .argument('<output>', 'the index, as it was given to begin')
    .argument('<id>', 'the session')
    .argument('<part>', 'which part, from 0 on', wholeNumber)
    .option('--threads <n>', 'threads that encode (one a processor)', wholeNumber)
    .addHelpText(
      'after',
      examples(`
  holdfast raster part dem.vrt $id $SLURM_ARRAY_TASK_ID
  seq 0 199 | parallel holdfast raster part dem.vrt $id {} --threads 1`),
    )
    .action((output: string, id: string, part: number, flags: WorkFlags) =>
      partStatus(() =>
        interruptible((signal) =>
          withSession(tile, [output, id], flags, async (session) => {
            await session.writePart(part, { signal });
          }),
        ),
      ),
    );
}

function addCommit<Flags extends StoreFlags>(raster: Command, tile: TileCommand<Flags>): void {
  withTimeout(
    withTrustFlag(withStoreFlags(raster.command('commit')))
      .description(
        'Read the tiles of all parts again, and put the mosaic in place; again, it gives the same answer',
      )
      .argument('<output>', 'the index, as it was given to begin')
      .argument('<id>', 'the session')
      .option('--sizes-only', 'look at the sizes of the tiles, and do not read them again')
      .option('--threads <n>', 'threads that encode overviews (one a processor)', wholeNumber)
      .option('--json', 'print the result as one JSON object'),
  )
    .addHelpText(
      'after',
      examples(`
  holdfast raster commit dem.vrt $id`),
    )
    .action(
      (
        output: string,
        id: string,
        flags: WorkFlags & TimeFlag & { readonly sizesOnly?: true; readonly json?: true },
      ) =>
        partStatus(() =>
          interruptible((signal) =>
            withSession(tile, [output, id], flags, async (session) => {
              const verify = flags.sizesOnly ? 'size' : 'checksum';
              const timeoutMs = milliseconds(flags);
              const written = await session.commit({ signal, verify, timeoutMs });
              print(flags.json ? jsonOf(written) : sentence(written));
            }),
          ),
        ),
    );
}

function sentence(written: Awaited<ReturnType<MosaicSession['commit']>>): Shown {
  const { path, tilesPath, tileCount, sizeBytes } = written;
  return shown`${path}: ${tileCount} tiles, ${(sizeBytes / 1e6).toFixed(1)} MB in ${tilesPath}`;
}

function addProgress<Flags extends StoreFlags>(raster: Command, tile: TileCommand<Flags>): void {
  withStoreFlags(raster.command('progress'))
    .description(
      'Print how many parts of a mosaic are done, by a look at the directory of the session.\n\n' +
        'With --watch it goes on to look: on a terminal it draws the grid of tiles (█ done, ▒ begun or in part, · missing), elsewhere it prints ' +
        'a line whenever more is done. It ends by itself once all parts are done, or the session is gone.',
    )
    .argument('<output>', 'the index, as it was given to begin')
    .argument('<id>', 'the session')
    .addOption(new Option('--watch', 'look again and again').conflicts('json'))
    .option('--interval <s>', 'with --watch: seconds between two looks (1)', positiveNumber)
    .option('--json', 'print which parts, as JSON')
    .addHelpText(
      'after',
      examples(`
  holdfast raster progress dem.vrt $id
  holdfast raster progress dem.vrt $id --watch`),
    )
    .action((output: string, id: string, flags: ProgressFlags) =>
      partStatus(async () => {
        const store = await tile.store(output, flags);
        if (flags.watch) {
          await watch(output, id, { ...flags, ...store });
          return;
        }
        const {
          rowCount: _,
          columnCount: __,
          tiles: ___,
          ...progress
        } = await mosaicProgress(output, id, store);
        print(flags.json ? jsonOf(progress, 2) : progressLine(progress));
      }),
    );
}

async function watch(
  output: string,
  id: string,
  { interval = 1, store }: ProgressFlags & StoreOption,
): Promise<void> {
  const isDone = await interruptible((signal) =>
    watchMosaic({
      look: () => mosaicProgress(output, id, { store }),
      view: new MosaicView(process.stdout),
      pause: () =>
        sleep(interval * 1000, true, { signal }).catch((error: unknown) => {
          if (signal.aborted) return false;
          throw error;
        }),
    }),
  );
  if (!isDone) process.exitCode = errorCodes.ABORTED.exitCode;
}

function addAbandon<Flags extends StoreFlags>(raster: Command, tile: TileCommand<Flags>): void {
  withTimeout(
    withStoreFlags(raster.command('abandon'))
      .description(
        'End the session of a mosaic without a commit, and remove the tiles of its parts',
      )
      .argument('<output>', 'the index, as it was given to begin')
      .argument('<id>', 'the session'),
  )
    .addHelpText(
      'after',
      examples(`
  holdfast raster abandon dem.vrt $id`),
    )
    .action((output: string, id: string, flags: TimeFlag & StoreFlags) =>
      partStatus(async () => {
        const store = await tile.store(output, flags);
        await abandonMosaic(output, id, { timeoutMs: milliseconds(flags), ...store });
      }),
    );
}

function examples(lines: string): string {
  return `\nExamples:${lines}\n${PART_STATUSES}`;
}

function milliseconds({ timeout }: { readonly timeout?: number | undefined }): number | undefined {
  return timeout === undefined ? undefined : timeout * 1000;
}
