/** Mutants that no scenario can notice, each with the reason why its call stays all the same. */
export const expectedSurvivors: Readonly<Record<string, string>> = {};
