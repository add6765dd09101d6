/** A copy of a compiled package that mutants are put into, one after another. */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { twinOfText } from '@holdfast/tools/unasync';
import type { Mutant } from './mutant-list.js';
import { compile } from './syntax.js';

/** The synchronous form alone, or both. */
export type MutatedForm = 'both' | 'synchronous';

export class PackageCopy {
  /**
   * A folder with `package.json`, `dist` and `dist-test`, in which the package finds itself by its
   * name.
   */
  readonly folder: string;
  #undo: (() => void) | undefined;
  readonly #form: MutatedForm;

  /**
   * @param nodeModules - where the package's dependencies are
   * @param form - what a mutant is put into
   */
  constructor(original: string, nodeModules: string, form: MutatedForm) {
    this.#form = form;
    this.folder = mkdtempSync(join(tmpdir(), 'holdfast-mutant-'));
    cpSync(join(original, 'package.json'), join(this.folder, 'package.json'));
    const filter = (path: string): boolean => !/\.(map|d\.ts|tsbuildinfo)$/.test(path);
    for (const part of ['dist', 'dist-test'].filter((name) => existsSync(join(original, name))))
      cpSync(join(original, part), join(this.folder, part), { recursive: true, filter });
    symlinkSync(nodeModules, join(this.folder, 'node_modules'));
  }

  /** Does some work while the copy has a mutant in it. */
  async with<T>({ file, source }: Mutant, work: () => Promise<T>): Promise<T> {
    this.#put(file, compile(source));
    try {
      return await work();
    } finally {
      this.#undo?.();
    }
  }

  /** Does some work on the copy as it was made, inside a `with`. */
  async without<T>(mutant: Mutant, work: () => Promise<T>): Promise<T> {
    this.#undo?.();
    try {
      return await work();
    } finally {
      this.#put(mutant.file, compile(mutant.source));
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Into the module and its synchronous twin, where there is one; or into the twin alone. */
  #put(file: string, text: string): void {
    const dist = join(this.folder, 'dist');
    const module = `${file}.js`;
    const twin = twinOfText(dist, module, text);
    const asynchronous = this.#form === 'both' ? [[module, text] as const] : [];
    const undo = [...asynchronous, ...(twin ? [twin] : [])].map(([name, content]) => {
      const path = join(dist, name);
      const before = readFileSync(path);
      writeFileSync(path, content);
      return () => writeFileSync(path, before);
    });
    this.#undo = () => undo.forEach((each) => each());
  }
}
