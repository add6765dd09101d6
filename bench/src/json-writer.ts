/**
 * A program for the benchmark: one of several processes that update a document.
 *
 *   json-writer.js holdfast|inline|pair PATH NAME COUNT [KEY]
 *
 * It updates a document of its own for a while, so that everything is loaded and compiled, says
 * `ready`, waits for a line, makes its updates, each of a new member or all of the member KEY, and
 * says how many milliseconds they took, how many of processor time, and how many bytes of memory
 * (resident, at most) the process had.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { ways } from './json-ways.js';

const WARMING_UPDATES = 20;

const [way = '', path = '', name = '', count = '0', key] = process.argv.slice(2);
const update = ways[way];
if (!update) throw new Error(`no way '${way}'`);
writeFileSync(`${path}.${name}`, '{}');
for (let i = 0; i < WARMING_UPDATES; i += 1) await update(`${path}.${name}`, name);
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const began = performance.now();
const used = process.cpuUsage();
for (let i = 0; i < Number(count); i += 1) await update(path, key ?? `${name}-${i}`);
const timeMs = performance.now() - began;
const { user, system } = process.cpuUsage(used);
const { maxRSS } = process.resourceUsage();
process.stdout.write(`${timeMs} ${(user + system) / 1000} ${maxRSS * 1024}\n`);
process.exit(0);
