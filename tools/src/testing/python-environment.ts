/**
 * Python virtual environments of the tests, under `.cache`: they need a package index, and what
 * fails there fails the tests.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './repository.js';

const cache = join(repository, '.cache');

/** The Python of an environment with these packages, which is made on first use. */
export function pythonWith(
  name: string,
  packages: readonly string[],
  python = '/usr/bin/python3',
): string {
  const environment = join(cache, name);
  const [interpreter, complete] = [join(environment, 'bin/python'), join(environment, 'complete')];
  if (existsSync(complete)) return interpreter;
  rmSync(environment, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  execFileSync(python, ['-m', 'venv', environment], { stdio: 'inherit' });
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
  execFileSync(interpreter, install, { stdio: 'inherit' });
  writeFileSync(complete, '');
  return interpreter;
}
