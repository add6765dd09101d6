/**
 * The package that writes SQLite databases: SQLite as WebAssembly, in memory. It is an optional
 * peer, loaded when an index is written by it.
 */
import { createRequire } from 'node:module';

export const SQL_PACKAGE = 'sql.js';

/** What is used of it. */
export interface SqlDatabase {
  run(sql: string, values?: readonly SqlValue[]): unknown;
  prepare(sql: string): { run(values: readonly SqlValue[]): void; free(): unknown };
  export(): Uint8Array;
  close(): void;
}

export type SqlValue = number | string | Uint8Array | null;

interface SqlPackage {
  readonly Database: new () => SqlDatabase;
}

const require = createRequire(import.meta.url);

/** Whether it is installed. */
export function hasSql(): boolean {
  try {
    return require.resolve(SQL_PACKAGE) !== '';
  } catch {
    return false;
  }
}

/** An empty database. */
export async function openDatabase(): Promise<SqlDatabase> {
  const load = require(SQL_PACKAGE) as () => Promise<SqlPackage>;
  return new (await load()).Database();
}
