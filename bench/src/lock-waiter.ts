/**
 * A program for the benchmark: it takes a lock each time that it is told to, says when it had it
 * and how much processor time the wait took, and frees it.
 *
 *   lock-waiter.js WAY PATH
 */
import { lockWays } from './lock-ways.js';

const [way = '', path = ''] = process.argv.slice(2);
const take = lockWays[way];
if (!take) throw new Error(`no way '${way}'`);
// Everything is loaded and compiled.
for (let i = 0; i < 3; i += 1) await (await take(path))();

/** What the program tells. */
export interface WaitTold {
  /** On the monotonic clock of the machine, in nanoseconds. */
  readonly hadAt: string;
  readonly processorMs: number;
}

process.on('message', () => {
  void waitOnce();
});
process.send?.('ready');

async function waitOnce(): Promise<void> {
  const used = usedMs();
  const free = await take?.(path);
  const told: WaitTold = {
    hadAt: String(process.hrtime.bigint()),
    processorMs: usedMs() - used,
  };
  await free?.();
  process.send?.(told);
}

/** Of this process and of those that it has waited for, which the kernel counts at their end. */
function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
