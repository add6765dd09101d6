/** `holdfast raster info|verify|preview`: look at a mosaic without changing it. */
import {
  openVrt,
  renderPreview,
  verifyVrt,
  type Mosaic,
  type PreviewStyle,
  type Problem,
  type VerifyReport,
} from '@holdfast/raster';
import { type Command, InvalidArgumentError } from 'commander';
import { replaceFile } from 'holdfast';
import { accessTo, type FarAccess, refuseUnusedFlags } from '../far-access.js';
import { interruptible } from '../interrupt.js';
import { positiveNumber } from '../flags.js';
import { jsonOf, linesOf, print, shown, type Shown } from '../outputs.js';
import { ProgressBar } from '../progress-bar.js';
import { type StoreFlags, withStoreFlags } from '../store-flags.js';

/**
 * Exit status of `verify` when something is wrong with the mosaic: that of CORRUPT_DOCUMENT
 * (docs/errors.md).
 */
const DAMAGED_STATUS = 10;

interface LookFlags {
  readonly outside?: boolean;
  readonly json?: boolean;
}

interface VerifyFlags extends LookFlags, StoreFlags {
  readonly deep?: boolean;
  readonly quiet?: boolean;
}

interface FarFlags extends LookFlags, StoreFlags {}

interface PreviewFlags extends FarFlags {
  readonly hillshade?: boolean;
  readonly ramp?: boolean;
  readonly size?: number;
}

const FILE_TEXT =
  'the index of a mosaic, ours or one of GDAL, or FILE.tif; or its address, https://… or s3://bucket/…';
const OUTSIDE_FLAG = '--outside';
const OUTSIDE_TEXT = 'follow an index that names tiles outside its own folder';

export function addRasterLookCommands(raster: Command): void {
  withStoreFlags(
    raster
      .command('info')
      .description(
        'Say what a mosaic or a GeoTIFF holds, and what of a GeoTIFF tile would not carry',
      )
      .argument('<file>', FILE_TEXT)
      .option(OUTSIDE_FLAG, OUTSIDE_TEXT)
      .option('--json', 'print one JSON object'),
  )
    .addHelpText('after', INFO_HELP)
    .action(info);
  withStoreFlags(
    raster
      .command('verify')
      .description('Find missing, cut, changed, swapped or foreign tiles and a damaged index')
      .argument(
        '<vrt>',
        'the index of the mosaic, ours or one of GDAL, or its address, https://…; or one of ours in a bucket, s3://bucket/…',
      )
      .option(
        '--deep',
        'decode every tile as well; in a bucket and at an address compare every checksum',
      )
      .option(OUTSIDE_FLAG, OUTSIDE_TEXT)
      .option('--json', 'print the report as one JSON object')
      .option('--quiet', 'show no progress'),
  )
    .addHelpText('after', VERIFY_HELP)
    .action(verify);
  withStoreFlags(
    raster
      .command('preview')
      .description('Draw a mosaic or a GeoTIFF as a PNG')
      .argument('<file>', FILE_TEXT)
      .argument(
        '<png>',
        'the picture to write, SOMETHING.png; one that is there is replaced whole',
        pngName,
      )
      .option('--hillshade', 'show the first band as a terrain under a light from the north-west')
      .option('--ramp', 'colour the first band by its value, and shade it')
      .option('--size <px>', 'length of the longer side (1024)', positiveNumber)
      .option(OUTSIDE_FLAG, OUTSIDE_TEXT)
      .option('--json', 'print the result as one JSON object'),
  )
    .addHelpText('after', PREVIEW_HELP)
    .action(preview);
}

const INFO_HELP = `
Examples:
  holdfast raster info dem.vrt --json | jq .tileCount
  holdfast raster info https://tiles.example/dem.vrt
  holdfast raster info s3://bucket/dem.vrt --region eu-central-1`;

const PREVIEW_HELP = `
Examples:
  holdfast raster preview dem.vrt dem.png --hillshade --size 2000
  holdfast raster preview https://tiles.example/cog.tif cog.png`;

const VERIFY_HELP = `
Exits with 0 when nothing is wrong and with ${DAMAGED_STATUS} otherwise. Mosaics of Holdfast are held against the checksums
that were written with them; for those of other programs only the presence, size and type of the tiles are known, and
--deep finds what does not decode.

Examples:
  holdfast raster verify dem.vrt
  holdfast raster verify dem.vrt --deep --json | jq '.problems[].path'
  holdfast raster verify s3://bucket/dem.vrt --deep
  holdfast raster verify https://tiles.example/dem.vrt
      without credentials; what else lies there is not known`;

async function withMosaic<T>(
  path: string,
  flags: FarFlags,
  use: (mosaic: Mosaic) => Promise<T>,
): Promise<T> {
  const access = await accessOf(path, flags);
  const mosaic = await openVrt(path, { outside: outsideOf(flags), ...access });
  try {
    return await use(mosaic);
  } finally {
    await mosaic.close();
  }
}

async function accessOf(path: string, flags: StoreFlags): Promise<FarAccess> {
  refuseUnusedFlags([path], flags);
  return accessTo(path, flags);
}

async function info(path: string, flags: FarFlags): Promise<void> {
  const facts = await withMosaic(path, flags, async (mosaic) => factsOf(mosaic));
  if (flags.json) print(jsonOf(facts));
  else
    for (const [name, value] of Object.entries(facts))
      if (value !== undefined) print(line(name, value));
}

/** What there is to say of a mosaic, or would be of one that is made of it, as plain JSON. */
function factsOf({
  path,
  info: raster,
  document,
  hasMask,
  tilePaths,
  notCarried,
}: Mosaic): Record<string, unknown> {
  const { widthPx, heightPx, dataType, bands, nodata, georeferencing } = raster;
  const own = document.metadata.get('HOLDFAST');
  return {
    path,
    widthPx,
    heightPx,
    dataType,
    bandCount: bands.length,
    nodata: nodata === undefined ? undefined : String(nodata),
    hasMask,
    crs: document.srs,
    coordinateEpoch: document.coordinateEpoch,
    transform: georeferencing.transform,
    pixelIs: georeferencing.pixelIs,
    gcps: raster.gcps?.points,
    tileCount: tilePaths.length,
    overviews: overviewSizes(document),
    generation: own?.['GENERATION'],
    stac: besideOf(own, 'STAC'),
    stacItems: besideOf(own, 'ITEMS'),
    gti: besideOf(own, 'GTI'),
    metadata: raster.metadata,
    domains: raster.domains,
    notCarried,
    bands: bands.map(({ metadata, palette, ...band }) => ({
      ...band,
      paletteSize: palette?.length,
      ...metadata,
    })),
  };
}

/** Among the tiles of a mosaic, beside the index of other files. */
function besideOf(
  own: Readonly<Record<string, string>> | undefined,
  kind: string,
): string | undefined {
  const [name, tiles] = [own?.[kind], own?.['TILES']];
  return name === undefined || tiles === undefined ? name : `${tiles}/${name}`;
}

/** The factors of the overviews, or how many there are in a mosaic that does not say them. */
function overviewSizes({ bands, metadata }: Mosaic['document']): readonly number[] | number {
  const factors = metadata.get('HOLDFAST')?.['OVERVIEWS'];
  return factors === undefined ? (bands[0]?.overviews.length ?? 0) : factors.split(',').map(Number);
}

function line(name: string, value: unknown): Shown {
  return shown`${name.padEnd(12)} ${typeof value === 'string' ? value : jsonOf(value)}`;
}

function outsideOf({ outside }: LookFlags): 'allow' | 'refuse' {
  return outside ? 'allow' : 'refuse';
}

async function verify(path: string, flags: VerifyFlags): Promise<void> {
  const bar = flags.quiet ? undefined : new ProgressBar(process.stderr);
  const onProgress = ({ done, total }: { done: number; total: number }): void =>
    bar?.update({ tilesDone: done, tileCount: total });
  const access = await accessOf(path, flags);
  const options = { deep: flags.deep ?? false, outside: outsideOf(flags), onProgress, ...access };
  const report = await interruptible((signal) => verifyVrt(path, { ...options, signal })).finally(
    () => bar?.end(),
  );
  print(flags.json ? jsonOf(report) : reportText(report));
  if (!report.ok) process.exitCode = DAMAGED_STATUS;
}

function reportText({ path, ok, tiles, evidence, problems, notes }: VerifyReport): Shown {
  const held =
    evidence === 'checksums'
      ? 'held against the checksums written with them'
      : 'only their presence, size and type are known';
  const known = notes.map(({ kind, path: where, message }) => shown`${kind}: ${where}: ${message}`);
  if (ok) return linesOf([...known, shown`${path}: nothing wrong with ${tiles} tiles, ${held}`]);
  const lines = problems.map(
    ({ kind, path: where, message }: Problem) => shown`${kind}: ${where}: ${message}`,
  );
  return linesOf([
    ...known,
    ...lines,
    shown`${path}: ${problems.length} of ${tiles} tiles or files are not as they should be`,
  ]);
}

/** An index or a raster that is named by mistake must not become a picture. */
function pngName(path: string): string {
  if (/\.png$/i.test(path)) return path;
  throw new InvalidArgumentError('The picture must be named SOMETHING.png.');
}

async function preview(path: string, output: string, flags: PreviewFlags): Promise<void> {
  const style: PreviewStyle = flags.hillshade ? 'hillshade' : flags.ramp ? 'ramp' : 'auto';
  const picture = await interruptible((signal) =>
    withMosaic(path, flags, (mosaic) =>
      renderPreview(mosaic, { style, signal, ...(flags.size && { maxSizePx: flags.size }) }),
    ),
  );
  await replaceFile(output, picture.png);
  const { widthPx, heightPx } = picture;
  const result = { path: output, widthPx, heightPx, sizeBytes: picture.png.length };
  print(flags.json ? jsonOf(result) : shown`${output}: ${widthPx}x${heightPx} pixels`);
}
