/** Which functions of a package a piece of work comes to, by V8's own count of calls. */
import { Session } from 'node:inspector/promises';
import type { Place } from './scenario-run.js';

export class Reach {
  readonly #session = new Session();

  static async begin(): Promise<Reach> {
    const reach = new Reach();
    reach.#session.connect();
    await reach.#session.post('Profiler.enable');
    await reach.#session.post('Profiler.startPreciseCoverage', { callCount: true });
    return reach;
  }

  /** Whether the work calls the function; and whether it calls any of its file. */
  async of(
    { file, function: named }: Place,
    work: () => Promise<unknown>,
  ): Promise<{ readonly isCalled: boolean; readonly isFileUsed: boolean }> {
    await this.#session.post('Profiler.takePreciseCoverage');
    await work();
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const called = result
      .filter(({ url }) => url.endsWith(`/dist/${file}.js`))
      .flatMap(({ functions }) => functions)
      .filter(({ ranges }) => ranges.some(({ count }) => count > 0))
      .map(({ functionName }) => functionName);
    const name = named.slice(named.lastIndexOf('.') + 1);
    return { isCalled: called.includes(name), isFileUsed: called.length > 0 };
  }

  end(): void {
    this.#session.disconnect();
  }
}
