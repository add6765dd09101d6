import type { Stage } from 'holdfast';

/** The letter of a part. */
export const letter = (part: number): string => String.fromCodePoint(97 + part);

/** What the tests' parts are made of: two files, one of them in a directory of its own. */
export async function fillPart(stage: Stage, part: number): Promise<void> {
  await stage.write(`${letter(part)}.txt`, letter(part).repeat(5000));
  await stage.write(`deep/${letter(part)}/x`, String(part));
}
