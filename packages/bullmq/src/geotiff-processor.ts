/** The processor where none is given: the note of a session is the path of a GeoTIFF. */
import { fromGeoTiff } from '@holdfast/raster';
import { invalidArgument } from 'holdfast/options';
import { mosaicProcessor } from './mosaic-processor.js';

export default mosaicProcessor({
  source: (note) => {
    if (typeof note === 'string') return fromGeoTiff(note);
    throw invalidArgument(
      'mosaicWorker',
      'without a processor the note of a session is the path of its GeoTIFF; give beginMosaic one, or mosaicWorker the file of a processor',
    );
  },
}) as unknown;
