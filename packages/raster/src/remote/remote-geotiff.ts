/** A GeoTIFF at an address as a source: of one version, from when it was opened. */
import { indexLimits } from '../read/open-vrt.js';
import {
  type GeoTiffOptions,
  type OpenedGeoTiff,
  readGeoTiff,
} from '../source/geotiff/from-geotiff.js';
import { RemoteFiles } from './remote-files.js';

/** @throws HoldfastError as `fromGeoTiff` does */
export async function openRemoteGeoTiff(
  address: string,
  options: GeoTiffOptions,
): Promise<OpenedGeoTiff> {
  const { store, allowHttp = false } = options;
  const access = { store, allowHttp, signal: undefined };
  const files = new RemoteFiles('fromGeoTiff', address, {
    ...indexLimits,
    ...access,
    outside: 'refuse',
  });
  const { path } = files;
  try {
    const open = () => files.open(path);
    const source = await readGeoTiff(path, options, open, () => files.sidecars(path));
    return {
      ...source,
      fingerprint: async () => JSON.stringify(files.versions()),
      close: async () => {
        await files.close();
        await source.close();
      },
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}
