/**
 * The public calls that the scenarios make: Holdfast's own, or those of a copy with a step taken
 * out (see mutants/).
 */
export type HoldfastApi = typeof import('holdfast');

/** How the names of those begin that make synchronous calls (holdfast-sync.ts). */
export const SYNCHRONOUS = 'sync ';
