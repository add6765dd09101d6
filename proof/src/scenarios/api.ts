/**
 * The public calls that the scenarios make: Holdfast's own, or those of a copy with a step taken
 * out (see mutants/).
 */
export type HoldfastApi = typeof import('holdfast');
