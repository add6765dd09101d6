/**
 * Puts all modules of a raster's encoder thread into one file, after they are compiled: a thread that starts from it is
 * ready in half the time (docs/decisions/0013-one-file-for-encoder-threads.md). `npm run build` runs it.
 *
 *   node tools/dist/bundle-worker.js
 */
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const folder = fileURLToPath(new URL('../../packages/raster/dist/encode', import.meta.url));

buildSync({
  entryPoints: [`${folder}/worker.js`],
  outfile: `${folder}/worker-bundle.cjs`,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  // It brings binaries of its own.
  external: ['koffi'],
  // What is required relative to a module is required relative to the bundle.
  define: { 'import.meta.url': '__filename' },
  logLevel: 'warning',
});
