/**
 * Keeps what V8 makes of this program's text, so that the next run need not make it again: a third
 * of the time of a short command is V8's (Node 22.1 and later, `module.enableCompileCache`).
 *
 * What lies in such a folder is run. Node's own default is in the directory for temporary files,
 * where another user may have made it first; this one is in the user's cache (XDG Base Directory
 * Specification), and used only when nobody else could have put anything there.
 */
import { existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** Any of these says that somebody else decides: whether there is a cache, or where. */
const DECIDED = ['NODE_DISABLE_COMPILE_CACHE', 'NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE'];
const FOR_THIS_USER = 0o700;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
const ROOT = 0;

/** Turns the cache on, where Node has one and there is a safe place. Never fails. */
export function keepCompiled(): void {
  const { enableCompileCache } = nodeModule as {
    readonly enableCompileCache?: (folder: string) => unknown;
  };
  if (enableCompileCache === undefined) return;
  const folder = folderForCompiled(process.env, process.geteuid?.());
  if (folder !== undefined) enableCompileCache(folder);
}

/**
 * The folder, which is made; `undefined` where there can be none.
 *
 * @param user - the effective user; none on Windows, where owners are not looked at
 */
export function folderForCompiled(
  environment: NodeJS.ProcessEnv,
  user: number | undefined,
): string | undefined {
  if (user === undefined || DECIDED.some((name) => environment[name])) return undefined;
  try {
    const { XDG_CACHE_HOME: given = '', HOME: home = homedir() } = environment;
    const base = isAbsolute(given) ? given : join(home, '.cache');
    makeDirectory(base, user);
    const folder = join(realpathSync(base), 'holdfast');
    makeDirectory(folder, user);
    return isFor(user, folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** In a directory that is the user's: root leaves nothing of its own in somebody's home. */
function makeDirectory(path: string, user: number): void {
  if (existsSync(path) || !isFor(user, realpathSync(dirname(path)))) return;
  try {
    mkdirSync(path, FOR_THIS_USER);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Whether a directory is a user's, and nobody else can put another in its place. */
function isFor(user: number, directory: string): boolean {
  for (let at = directory; ; at = dirname(at)) {
    const stat = lstatSync(at);
    const owners = at === directory ? [user] : [user, ROOT];
    if (!stat.isDirectory() || !owners.includes(stat.uid)) return false;
    const keepsNames = at !== directory && (stat.mode & STICKY) !== 0;
    if ((stat.mode & OTHERS_WRITE) !== 0 && !keepsNames) return false;
    if (at === dirname(at)) return true;
  }
}
