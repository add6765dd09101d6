/**
 * Loaded before a test file (`--import`): the property tests of the run begin from HOLDFAST_SEED,
 * so that what passed once passes again. Every night they begin from another seed (.ci/nightly).
 */
import * as fc from 'fast-check';

const { HOLDFAST_SEED: seed } = process.env;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
