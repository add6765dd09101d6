/**
 * The real Metaflow, in a Python virtual environment of its own: HOLDFAST_VENV names the folder,
 * `.cache/metaflow-venv` by default. It is made when it is missing, which needs python3 and a
 * package index; what fails there fails the tests.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The version that docs/metaflow.md speaks of. HOLDFAST_METAFLOW names another one, to try it. */
export const METAFLOW_VERSION: string = process.env['HOLDFAST_METAFLOW'] ?? '2.19.39';

const defaultFolder = fileURLToPath(new URL('../../.cache/metaflow-venv', import.meta.url));

/** Gives back the Python that has Metaflow. */
export function metaflowPython(): string {
  const folder = process.env['HOLDFAST_VENV'] ?? defaultFolder;
  const python = `${folder}/bin/python`;
  if (installedVersion(python) === METAFLOW_VERSION) return python;
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', `metaflow==${METAFLOW_VERSION}`], {
    stdio: 'inherit',
  });
  const version = installedVersion(python);
  if (version === METAFLOW_VERSION) return python;
  throw new Error(`${folder} has Metaflow ${version}, not ${METAFLOW_VERSION}: remove the folder`);
}

function installedVersion(python: string): string | undefined {
  const script = 'from importlib.metadata import version; print(version("metaflow"))';
  const { status, stdout } = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
