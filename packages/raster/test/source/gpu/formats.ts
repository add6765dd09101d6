/** The texture formats of every kind that a source takes. */
import type { DataType } from '#src/model.js';

/** What each format is as samples; `elements` as `fromArray` has them. */
export const formats: readonly (readonly [string, DataType, number, 'float16'?])[] = [
  ['r8uint', 'uint8', 1],
  ['r8unorm', 'uint8', 1],
  ['r8sint', 'int8', 1],
  ['r16uint', 'uint16', 1],
  ['r16float', 'uint16', 1, 'float16'],
  ['r32float', 'float32', 1],
  ['r32sint', 'int32', 1],
  ['rg8uint', 'uint8', 2],
  ['rg16float', 'uint16', 2, 'float16'],
  ['rg32uint', 'uint32', 2],
  ['rgba8unorm', 'uint8', 4],
  ['rgba16sint', 'int16', 4],
  ['rgba32float', 'float32', 4],
];
