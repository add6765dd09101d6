/** `holdfast raster index`: an index over GeoTIFFs that are there. */
import { readFile } from 'node:fs/promises';
import { indexTiles, type IndexTilesOptions, type WrittenIndex } from '@holdfast/raster';
import type { Command } from 'commander';
import { HoldfastError } from 'holdfast';
import { interruptible } from '../interrupt.js';
import { jsonOf, print, shown, type Shown, tell } from '../outputs.js';
import { ProgressBar } from '../progress-bar.js';
import { readStandardInput } from '../standard-input.js';
import {
  addStacFlags,
  addTileItemsFlag,
  noteOf,
  type StacFlags,
  stacOption,
} from './raster-inputs.js';

interface IndexFlags extends StacFlags {
  readonly fromFile?: string;
  readonly recursive?: boolean;
  readonly allowHoles?: boolean;
  readonly allowOverlaps?: boolean;
  readonly skipUnreadable?: boolean;
  readonly checksums?: boolean;
  readonly gti?: boolean;
  readonly replace?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const HELP = `
All tiles must be alike (type, bands, nodata, CRS, units, colours, masks), lie on one grid and leave neither overlaps nor holes. Each
difference is named, and nothing is written then. The index holds the size and checksum of each tile, and \`holdfast raster verify\`
holds them against it.

Examples:
  holdfast raster index dem.vrt tiles/*.tif
  holdfast raster index dem.vrt tiles --recursive --allow-holes
  find tiles -name '*.tif' | sort | holdfast raster index dem.vrt --from-file - --replace
  holdfast raster index dem.vrt tiles/*.tif --gti --stac --datetime 2024-06-01T10:20:30Z
      and beside it, in the same commit, dem.gti.gpkg and dem.vrt.stac.json
  holdfast raster verify dem.vrt`;

export function addRasterIndexCommand(raster: Command): void {
  const command = raster
    .command('index')
    .description('Write a VRT index over GeoTIFFs that are there, or say why they make none')
    .argument('<vrt>', 'the index to make, SOMETHING.vrt')
    .argument('[tiles...]', 'GeoTIFFs, and with --recursive directories of them')
    .option(
      '--from-file <path>',
      'a text that names further tiles, one a line; - for standard input',
    )
    .option('--recursive', 'take all .tif and .tiff below directories')
    .option('--allow-holes', 'allow pixels that no tile has; nodata or a mask marks them')
    .option('--allow-overlaps', 'allow tiles that share pixels; the later one counts')
    .option('--skip-unreadable', 'leave out files that cannot be read, and say which')
    .option(
      '--no-checksums',
      'do not read the tiles for their checksums; verify then knows their sizes',
    );
  addTileItemsFlag(addStacFlags(command))
    .option('--gti', 'write an index as GTI too, which GDAL 3.9 reads (needs the package sql.js)')
    .option('--replace', 'replace an index that is there')
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'show no progress')
    .addHelpText('after', HELP)
    .action(index);
}

async function index(path: string, tiles: readonly string[], flags: IndexFlags): Promise<void> {
  const startMs = performance.now();
  const listed = flags.fromFile === undefined ? [] : await namesIn(flags.fromFile);
  const bar = flags.quiet ? undefined : new ProgressBar(process.stderr);
  const options: IndexTilesOptions = {
    recursive: flags.recursive,
    allowHoles: flags.allowHoles,
    allowOverlaps: flags.allowOverlaps,
    skipUnreadable: flags.skipUnreadable,
    checksums: flags.checksums,
    stac: stacOption(flags),
    gti: flags.gti,
    ifExists: flags.replace ? 'replace' : 'fail',
    ...(bar && {
      onProgress: ({ done, total }) => bar.update({ tilesDone: done, tileCount: total }),
    }),
  };
  const written = await interruptible((signal) =>
    indexTiles(path, [...tiles, ...listed], { ...options, signal }),
  ).finally(() => bar?.end());
  const seconds = (performance.now() - startMs) / 1000;
  for (const note of notes(written)) tell(note);
  print(flags.json ? jsonOf({ ...written, seconds }) : sentence(written, seconds));
}

async function namesIn(path: string): Promise<readonly string[]> {
  const text = path === '-' ? await readStandardInput() : await textOf(path);
  return text.split(/\r?\n/u).filter((name) => name !== '');
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const message = 'The list of tiles could not be read. Nothing was written.';
    throw new HoldfastError('NOT_FOUND', { message, step: 'read list', path, cause });
  }
}

function notes({
  skipped,
  holes,
  overlapCount,
  retiredCompanions,
  removed,
  notCarried,
}: WrittenIndex): readonly Shown[] {
  return [
    ...skipped.map(({ path, why }) => shown`left out: ${path}: ${why}`),
    ...(holes.length > 0 ? [shown`${holes.length} rectangles have no tile`] : []),
    ...(overlapCount > 0 ? [shown`${overlapCount} pairs of tiles share pixels`] : []),
    ...retiredCompanions.map(
      (name) => shown`${name}: it spoke of the old pixels and has another name now`,
    ),
    ...removed.map((name) => shown`${name}: it spoke of the old pixels and was removed`),
    ...notCarried.map(noteOf),
  ];
}

function sentence({ path, tileCount, widthPx, heightPx }: WrittenIndex, seconds: number): Shown {
  return shown`${path}: ${tileCount} tiles, ${widthPx}x${heightPx} pixels, ${seconds.toFixed(1)} s`;
}
