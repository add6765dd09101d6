/** The command line beside a store that the environment names. */
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { repository, temporaryDirectory } from '@holdfast/tools/testing';
import { credentials, startServer } from './servers.js';

const program = `${repository}packages/cli/bin/holdfast.js`;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLine {
  /** `holdfast …` in a directory of its own. */
  readonly holdfast: (...args: readonly string[]) => Promise<Ended>;
  readonly cwd: string;
  readonly endpoint: string;
}

/** The command line beside a store of its own. */
export async function commandLineBeside(t: TestContext): Promise<CommandLine> {
  const { endpoint } = await startServer(t, 'gofakes3');
  return commandLineAt(t, endpoint);
}

/** The command line in an environment that names a store. */
export function commandLineAt(t: TestContext, endpoint: string): CommandLine {
  const cwd = temporaryDirectory(t);
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const holdfast = async (...args: readonly string[]): Promise<Ended> => {
    try {
      const said = await promisify(execFile)(process.execPath, [program, ...args], { env, cwd });
      return { code: 0, ...said };
    } catch (error) {
      return error as Ended;
    }
  };
  return { holdfast, cwd, endpoint };
}
