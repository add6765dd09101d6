/** A Python process with the real Metaflow in it, asked by one call at a time. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { metaflowPython } from './metaflow-venv.js';
import { pythonFolder } from './writers.js';

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
  readonly paused?: string;
}

export class MetaflowPython {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(t: TestContext, tokenHome: string) {
    this.#process = spawn(metaflowPython(), [`${pythonFolder}/metaflow_stores.py`], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, METAFLOW_TOKEN_HOME: tokenHome, METAFLOW_USER: 'test' },
    });
    t.after(() => this.#process.kill('SIGKILL'));
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });
    this.#answers = lines[Symbol.asyncIterator]();
  }

  /** The result of a call (metaflow_stores.py lists them). */
  async call(call: string, operands: object = {}): Promise<unknown> {
    this.#send(JSON.stringify({ call, ...operands }));
    const answer = await this.#answer();
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }

  /**
   * Starts a write that stops at the place given, and resolves when it stands there. Call the
   * result to let it end.
   */
  async pausedAt(at: string, call: string, operands: object): Promise<() => Promise<void>> {
    await this.call('pause', { at });
    this.#send(JSON.stringify({ call, ...operands }));
    const { paused } = await this.#answer();
    if (paused !== at) throw new Error(`it did not stop at '${at}'`);
    return async () => {
      this.#send('go on');
      const { error } = await this.#answer();
      if (error !== undefined) throw new Error(error);
    };
  }

  #send(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  async #answer(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('Python has ended');
    return JSON.parse(value) as Answer;
  }
}
