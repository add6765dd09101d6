/**
 * How often that is done whose failure is a matter of luck. Once shows that it works; `.ci/nightly`
 * and who looks for a rare failure do it more often: HOLDFAST_RUNS=5.
 */
export const runs: number = Number(process.env['HOLDFAST_RUNS'] ?? 1);
