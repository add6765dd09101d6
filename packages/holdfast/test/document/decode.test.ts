import assert from 'node:assert/strict';
import { Buffer, constants } from 'node:buffer';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { decodeText } from '#src/document/decode.js';

test('more bytes than a string can hold are a typed error', () => {
  assert.throws(
    () => decodeText(Buffer.alloc(constants.MAX_STRING_LENGTH + 1), '/doc.json'),
    (error) => isHoldfastError(error, 'UNREPRESENTABLE') && error.path === '/doc.json',
  );
});
