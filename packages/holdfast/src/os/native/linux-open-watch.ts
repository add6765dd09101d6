/**
 * Who opens and closes a file (inotify(7)): of one that only polls a lock nothing else can be seen.
 */
import { closeSync } from 'node:fs';
import { systemError } from '../system-error.js';
import type { OpenWatch } from '../fs.js';
import type { Koffi } from './koffi.js';
import type { Native } from './native.js';

// <sys/inotify.h>
const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const IN_CLOSE = 0x18;
const IN_OPEN = 0x20;
/**
 * `struct inotify_event` without a name, which a watch of a file has none of; its second word is
 * the mask.
 */
const EVENT_BYTES = 16;
const MASK_BYTES = 4;
const EVENTS_AT_ONCE = 256;

export function loadOpenWatch(
  koffi: Koffi,
  libc: ReturnType<Koffi['load']>,
): NonNullable<Native['watchOpens']> {
  const init = libc.func('int inotify_init1(int flags)');
  const addWatch = libc.func('int inotify_add_watch(int fd, const char *path, uint32_t mask)');
  const read = libc.func('long read(int fd, _Out_ uint8_t *buffer, size_t size)');
  const buffer = new Uint8Array(EVENT_BYTES * EVENTS_AT_ONCE);
  const words = new DataView(buffer.buffer);
  const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

  return (path): OpenWatch => {
    const fd = init(IN_NONBLOCK | IN_CLOEXEC) as number;
    if (fd < 0) throw systemError(koffi.errno(), 'inotify_init1', path);
    if ((addWatch(fd, path, IN_OPEN | IN_CLOSE) as number) < 0) {
      const error = systemError(koffi.errno(), 'inotify_add_watch', path);
      closeSync(fd);
      throw error;
    }
    return {
      take() {
        let [opened, closed] = [0, 0];
        for (let count = read(fd, buffer, buffer.length) as number; count > 0;) {
          for (let at = MASK_BYTES; at < count; at += EVENT_BYTES) {
            const mask = words.getUint32(at, isLittleEndian);
            if ((mask & IN_OPEN) !== 0) opened += 1;
            if ((mask & IN_CLOSE) !== 0) closed += 1;
          }
          count = count === buffer.length ? (read(fd, buffer, buffer.length) as number) : 0;
        }
        return { opened, closed };
      },
      close: () => closeSync(fd),
    };
  };
}
