/** The errors of a GeoTIFF that is none, or is damaged. */
import { HoldfastError } from 'holdfast/errors';

export function notATiff(path: string, cause: unknown): HoldfastError {
  return corrupt(path, 'The file cannot be read as a GeoTIFF; check it with gdalinfo.', cause);
}

export function corrupt(path: string, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message,
    outcome: 'unchanged',
    step: 'read',
    path,
    cause,
  });
}
