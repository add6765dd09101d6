/** A filesystem like NFS, which has no RENAME_EXCHANGE. */
import { constants } from 'node:os';
import { systemError, type Fs } from 'holdfast/os';

export function withoutExchange(fs: Fs): Fs {
  return new Proxy(fs, {
    get(inner, name) {
      if (name === 'exchange') return refuseExchange;
      const value: unknown = Reflect.get(inner, name);
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
    },
  });
}

async function refuseExchange(path: string): Promise<never> {
  throw systemError(constants.errno.EINVAL, 'renameat2', path);
}
