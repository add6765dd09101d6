import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { plainData } from '#src/document/plain-data.js';

test('a value that contains itself is refused with its place', () => {
  const circle: unknown[] = [];
  circle.push(circle);
  assert.throws(
    () => plainData(circle, '/doc.yaml', () => ({ lacks: 'is none' })),
    (error) => isHoldfastError(error, 'UNREPRESENTABLE') && error.path === '/doc.yaml',
  );
});
