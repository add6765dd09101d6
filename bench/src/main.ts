/**
 * Runs a benchmark: `npm run bench -- NAME [--quick] [--only TEXT]`. Each measures the ways of
 * doing one thing in interleaved rounds and prints medians and ratios to a floor of bare system
 * calls. Nothing is asserted: a machine has its moods.
 */
import { parseArgs } from 'node:util';
import type { BenchOptions } from './bench-options.js';

const benches: Readonly<Record<string, () => Promise<(options: BenchOptions) => Promise<void>>>> = {
  directory: async () => (await import('./directory.js')).benchDirectory,
  json: async () => (await import('./json.js')).benchJson,
  locks: async () => (await import('./locks.js')).benchLocks,
  files: async () => (await import('./files.js')).benchFiles,
  gpu: async () => (await import('./gpu.js')).benchGpu,
  parts: async () => (await import('./parts.js')).benchParts,
  raster: async () => (await import('./raster.js')).benchRaster,
  records: async () => (await import('./records.js')).benchRecords,
  stores: async () => (await import('./stores.js')).benchStores,
  transaction: async () => (await import('./transaction.js')).benchTransaction,
  peers: async () => (await import('./peers.js')).benchPeers,
  'peer-crashes': async () => (await import('./peer-crashes.js')).benchPeerCrashes,
};

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
  allowPositionals: true,
});
const names = positionals.length === 0 ? Object.keys(benches) : positionals;
for (const name of names) {
  const load = benches[name];
  if (!load) {
    console.error(`bench: unknown name '${name}': one of ${Object.keys(benches).join(', ')}`);
    process.exit(2);
  }
  await (
    await load()
  )(values);
}
