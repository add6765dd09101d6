import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { systemError } from 'holdfast/os';
import { withKnownCode } from '#src/os/system-error.js';

/** As Node makes it where libuv has no name. */
function unnamed(errno: number, code: string): NodeJS.ErrnoException {
  const error = new Error(`${code}: ${code}, open '/mnt/a'`);
  return Object.assign(error, { code, errno: -errno, syscall: 'open', path: '/mnt/a' });
}

test('an error that Node cannot name is named, in code and message', () => {
  for (const [name, errno] of [
    ['ESTALE', constants.errno.ESTALE],
    ['EDQUOT', constants.errno.EDQUOT],
  ] as const) {
    for (const code of [`Unknown system error -${errno}`, 'UNKNOWN']) {
      const error = withKnownCode(unnamed(errno, code)) as NodeJS.ErrnoException;
      assert.equal(error.code, name);
      assert.match(error.message, new RegExp(`^${name}: [a-z].*, open '/mnt/a'$`));
    }
  }
});

test('an error that Node can name, and what is no system error, stay as they are', () => {
  const known = systemError(constants.errno.ENOENT, 'open', '/mnt/a');
  const { message } = known;
  assert.equal((withKnownCode(known) as Error).message, message);
  assert.equal(withKnownCode('text'), 'text');
});

test('what a filesystem does not support is not said of a socket', () => {
  assert.match(
    systemError(constants.errno.ENOTSUP, 'link', '/mnt/a').message,
    /^ENOTSUP: operation not supported, link/,
  );
});
