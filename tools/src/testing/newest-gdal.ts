/** Rasterio with the GDAL of its own wheel. */
import { pythonWith } from './python-environment.js';

/** The last one that the Python of Debian 12 can have; it brings GDAL 3.10. */
const VERSION = '1.4.4';

/** The Python that has it. */
export function rasterioPython(): string {
  return pythonWith(`rasterio-${VERSION}`, [`rasterio==${VERSION}`]);
}
