/**
 * The smoke test as a program: `smoke-program try DIRECTORY`. In HOLDFAST_SMOKE stands, as a list
 * in JSON, the command that starts it; each of its writers is `smoke-program write DIRECTORY`.
 */
import { smoke, write } from './smoke.js';

const [task, directory = ''] = process.argv.slice(-2);
const command = JSON.parse(process.env['HOLDFAST_SMOKE'] ?? '[]') as string[];

async function main(): Promise<void> {
  if (task === 'write') return write(directory);
  await smoke(directory, [...command, 'write']);
  console.log('all works');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
