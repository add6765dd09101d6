/**
 * A process that updates a document: DOCUMENT COUNT [LOCK FILE], or until it is killed with COUNT
 * 0.
 */
import { updateJson } from 'holdfast';

const [path = '', count = '0', lockPath = ''] = process.argv.slice(2);
const limit = count === '0' ? Infinity : Number(count);
const options = lockPath === '' ? {} : { lockPath };
for (let made = 0; made < limit; made += 1) {
  await updateJson<{ n?: number; text?: string }>(
    path,
    (value) => {
      value.n = (value.n ?? 0) + 1;
      // Of a length that changes, so that a file that is cut at the size of the one before is no
      // JSON.
      value.text = 'x'.repeat((value.n * 37) % 400);
    },
    options,
  );
  process.stdout.write('.');
}
