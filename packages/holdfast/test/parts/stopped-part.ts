/**
 * A process that writes parts and stops itself (SIGSTOP) in the middle of one, until it is
 * continued. For each line of JSON `{ path, id, step }` on standard input it writes part 0 of that
 * session, stops before its `step`th call of the filesystem, and says so, and in the end what came
 * of the part.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { interceptFs } from '@holdfast/crashkit';
import { isHoldfastError, joinParts } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { fillPart } from './fill-part.js';

interface Order {
  readonly path: string;
  readonly id: string;
  readonly step: number;
}

const say = (line: string): void => void writeSync(1, `${line}\n`);

async function write({ path, id, step }: Order): Promise<string> {
  let calls = 0;
  const fs = interceptFs(nodeFileSystem, {
    before: () => {
      calls += 1;
      if (calls !== step) return undefined;
      say('stops');
      process.kill(process.pid, 'SIGSTOP');
      return undefined;
    },
  });
  try {
    await (await joinParts(path, id, { fs })).writePart(0, (stage) => fillPart(stage, 0));
    return 'done';
  } catch (error) {
    return isHoldfastError(error) ? error.code : String(error);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  say(await write(JSON.parse(line) as Order));
}
