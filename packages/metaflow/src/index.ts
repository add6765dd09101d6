/**
 * `@holdfast/metaflow`: two stores that share their files with Metaflow's own Python. See
 * docs/metaflow.md.
 */
export { EnvironmentManifest } from './environment-manifest.js';
export type { EnvironmentManifestOptions, ManifestKeys } from './environment-manifest.js';
export { ProductionTokenStore } from './production-token-store.js';
export type { ProductionTokenStoreOptions } from './production-token-store.js';
