/**
 * What whole processes take: time by the clock, processor time of all their threads, and memory at
 * most; in interleaved rounds.
 */
import { execFileSync } from 'node:child_process';
import { median } from './rounds.js';

/** What one process took. */
export interface ProcessUse {
  readonly wallMs: number;
  readonly processorMs: number;
  readonly peakBytes: number;
}

/** One way to do the thing, as a program of its own. */
export interface ProgramContender {
  readonly name: string;
  /** Made before each run, and not measured. */
  prepare?(): void;
  command(): readonly [program: string, ...parameters: string[]];
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/** Waits for a program and prints what the kernel says it took: Node tells only of itself. */
const WAIT = `
import json, os, sys, time
began = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, use = os.wait4(pid, 0)
wall = time.monotonic() - began
if status != 0: sys.exit("%s failed: %d" % (sys.argv[1:3], status))
print(json.dumps({"wallMs": 1000 * wall, "processorMs": 1000 * (use.ru_utime + use.ru_stime), "peakBytes": 1024 * use.ru_maxrss}))
`;

/** Runs a program; fails if it does. */
export function useOf(command: readonly string[], environment: NodeJS.ProcessEnv = {}): ProcessUse {
  // Certificates of the machine's own, which Node would parse at every start for 40 ms, are no part
  // of the work.
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, ...environment };
  const printed = execFileSync('/usr/bin/python3', ['-c', WAIT, ...command], {
    encoding: 'utf8',
    env,
  });
  return JSON.parse(printed) as ProcessUse;
}

/**
 * Runs all in turn, every other round backwards, and prints for each its medians, and the medians
 * of its ratios to the first one in the same round: what else the machine has to do is the same for
 * both then.
 */
export function printUse(
  title: string,
  contenders: readonly ProgramContender[],
  rounds: number,
): void {
  const uses: ProcessUse[][] = contenders.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    const turns = [...contenders.entries()];
    for (const [index, contender] of round % 2 === 0 ? turns : turns.toReversed()) {
      contender.prepare?.();
      uses[index]?.push(useOf(contender.command(), contender.environment));
    }
  }
  console.log(`\n${title}`);
  console.log(
    `  ${''.padEnd(44)}${'clock'.padStart(18)}${'processor'.padStart(18)}${'memory'.padStart(10)}`,
  );
  for (const [index, { name }] of contenders.entries()) {
    const own = uses[index] ?? [];
    const column = (key: 'wallMs' | 'processorMs'): string => {
      const ratios = own.map((use, round) => use[key] / (uses[0]?.[round]?.[key] ?? Number.NaN));
      const seconds = (median(own.map((use) => use[key])) / 1000).toFixed(2);
      return `${seconds.padStart(8)} s ${median(ratios).toFixed(2).padStart(5)} x`;
    };
    const peak = median(own.map(({ peakBytes }) => peakBytes)) / 1e6;
    console.log(
      `  ${name.padEnd(44)}${column('wallMs').padStart(18)}${column('processorMs').padStart(18)}${peak.toFixed(0).padStart(7)} MB`,
    );
  }
}
