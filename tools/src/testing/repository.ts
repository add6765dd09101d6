import { fileURLToPath } from 'node:url';

/**
 * The root of the repository, with a slash at its end: some tests read its documents, and run its
 * programs in Python.
 */
export const repository: string = fileURLToPath(new URL('../../../', import.meta.url));
