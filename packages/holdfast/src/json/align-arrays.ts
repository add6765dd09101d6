/**
 * What becomes of the elements of an array: which stay (perhaps with another content), which go,
 * which come.
 */
import type { JsonValue } from './json-value.js';
import { isSame } from './plain-value.js';

export type Step =
  | { readonly kind: 'keep'; readonly before: number; readonly after: number }
  | { readonly kind: 'remove'; readonly before: number }
  | { readonly kind: 'insert'; readonly after: number };

/**
 * A longest common subsequence is looked for in so many pairs at most; beyond, elements are paired
 * in order.
 */
const MOST_PAIRS = 10_000;

/**
 * The steps in order. Elements that are the same at both ends, and then as many as can be in
 * between, are kept.
 */
export function alignArrays(before: readonly JsonValue[], after: readonly JsonValue[]): Step[] {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && isSame(after[head], before[head])) head += 1;
  let tail = 0;
  while (tail < most - head && isSame(after.at(-1 - tail), before.at(-1 - tail))) tail += 1;
  const steps: Step[] = [];
  for (let index = 0; index < head; index += 1) steps.push(keep(index, index));
  const beforeEnd = before.length - tail;
  const afterEnd = after.length - tail;
  let [i, j] = [head, head];
  for (const [x, y] of commonPairs(before, after, head, [beforeEnd, afterEnd])) {
    pair(steps, [i, x], [j, y]);
    steps.push(keep(x, y));
    [i, j] = [x + 1, y + 1];
  }
  pair(steps, [i, beforeEnd], [j, afterEnd]);
  for (let index = 0; index < tail; index += 1)
    steps.push(keep(beforeEnd + index, afterEnd + index));
  return steps;
}

/**
 * Elements of which none is the same: those of the same rank are the same element with another
 * content.
 */
function pair(
  steps: Step[],
  [beforeStart, beforeEnd]: readonly [number, number],
  [afterStart, afterEnd]: readonly [number, number],
): void {
  const both = Math.min(beforeEnd - beforeStart, afterEnd - afterStart);
  for (let index = 0; index < both; index += 1) {
    steps.push(keep(beforeStart + index, afterStart + index));
  }
  for (let index = beforeStart + both; index < beforeEnd; index += 1) {
    steps.push({ kind: 'remove', before: index });
  }
  for (let index = afterStart + both; index < afterEnd; index += 1) {
    steps.push({ kind: 'insert', after: index });
  }
}

function commonPairs(
  before: readonly JsonValue[],
  after: readonly JsonValue[],
  start: number,
  [beforeEnd, afterEnd]: readonly [number, number],
): readonly (readonly [number, number])[] {
  const rows = beforeEnd - start;
  const columns = afterEnd - start;
  if (rows * columns === 0 || rows * columns > MOST_PAIRS) return [];
  const isEqual = (i: number, j: number): boolean => isSame(after[start + j], before[start + i]);
  const width = columns + 1;
  const longest = new Uint32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      longest[i * width + j] = isEqual(i, j)
        ? (longest[(i + 1) * width + j + 1] as number) + 1
        : Math.max(longest[(i + 1) * width + j] as number, longest[i * width + j + 1] as number);
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let [i, j] = [0, 0]; i < rows && j < columns;) {
    const below = longest[(i + 1) * width + j] as number;
    const beside = longest[i * width + j + 1] as number;
    if (isEqual(i, j)) pairs.push([start + i++, start + j++]);
    // Of elements that are the same, the one of the same rank.
    else if (below > beside || (below === beside && i <= j)) i += 1;
    else j += 1;
  }
  return pairs;
}

function keep(before: number, after: number): Step {
  return { kind: 'keep', before, after };
}
