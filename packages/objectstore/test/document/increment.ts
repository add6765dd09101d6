/**
 * A writer among others: increments its own member and the sum, so often, and says how it went.
 *
 *   node increment.js ENDPOINT URL MEMBER TIMES
 */
import { updateJson } from '#src/document/json.js';
import { s3Store } from '#src/store/s3-store.js';
import { isHoldfastError } from 'holdfast';
import { credentials } from '../servers.js';

const [endpoint, url, member, times] = process.argv.slice(2) as [string, string, string, string];
const store = s3Store({
  endpoint,
  credentials,
  allowHttp: true,
  trusted: true,
  requestTimeoutMs: 2000,
});
/** Whoever comes off badly against fifteen others on a busy machine is not to give up. */
const timeoutMs = 60 * 60 * 1000;
const outcomes = { acknowledged: 0, unchanged: 0, unknown: 0 };
for (let made = 0; made < Number(times); made += 1) {
  try {
    await updateJson<Record<string, number>>(
      url,
      (value) => {
        value[member] = (value[member] ?? 0) + 1;
        value['sum'] = (value['sum'] ?? 0) + 1;
      },
      { store, timeoutMs },
    );
    outcomes.acknowledged += 1;
  } catch (error) {
    if (!isHoldfastError(error) || error.outcome === 'committed') throw error;
    process.stderr.write(`${error.message}\n`);
    outcomes[error.outcome] += 1;
  }
}
process.stdout.write(JSON.stringify(outcomes));
