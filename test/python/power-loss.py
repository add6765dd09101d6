"""What a power loss may leave of a replacement: power-loss.py FILESYSTEM SCRATCH COMMAND...

Root, and a kernel with loop devices and dm-log-writes. COMMAND replaces the file whose path is added to it. All that it makes
the kernel write is logged; of the writes between two flushes, subsets make images, which are mounted and read.
Prints JSON: how many images have the old file, the new one, only a whole copy of it under another name, or neither.
"""
import collections, itertools, json, os, shutil, struct, subprocess, sys

filesystem, scratch, *command = sys.argv[1:]
MAKE = {
    'ext2': ['mkfs.ext2', '-q', '-F'],
    'ext4': ['mkfs.ext4', '-q', '-F'],
    'exfat': ['mkfs.exfat'],
    'vfat': ['mkfs.vfat', '-F', '16', '-s', '1'],
}[filesystem]
#: Of ext2 with more than one group, so that a directory and its files lie apart.
BYTES = (48 if filesystem == 'ext2' else 8) << 20
OLD, NEW = b'o' * 8000, b'n' * 9000
#: The superblock and the entries of the log (Linux, Documentation/admin-guide/device-mapper/log-writes.rst).
SUPERBLOCK, ENTRY = struct.Struct('<QQQI'), struct.Struct('<QQQQ')
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
#: Up to so many writes in flight, every subset of them is tried; of more, each first part and each one alone.
ALL_SUBSETS_UP_TO = 5


def run(*words, **options):
    result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode:
        raise SystemExit(f'{" ".join(words)}: {result.stdout}')
    return result.stdout.strip()


base, log, image, point = (os.path.join(scratch, name) for name in ('base', 'log', 'image', 'mount'))
directory = os.path.join(point, 'd')
target = os.path.join(directory, 'target')


def record():
    """Lets the command run on a logged device. Gives the image before it, and the log."""
    for path in base, log:
        with open(path, 'wb') as file:
            file.truncate(BYTES + (BYTES if path == log else 0))
    os.mkdir(point)
    run(*MAKE, base)
    run('mount', '-t', filesystem, '-o', 'loop', base, point)
    os.mkdir(directory)
    with open(target, 'wb') as file:
        file.write(OLD)
    for number in range(60):
        open(os.path.join(directory, f'a rather long name, of which a directory is soon full {number}'), 'w').close()
    run('umount', point)
    with open(base, 'rb') as file:
        start = file.read()
    loops = [run('losetup', '-f', '--show', path) for path in (base, log)]
    run('dmsetup', 'create', 'power-loss', '--table', f'0 {BYTES >> 9} log-writes {" ".join(loops)}')
    run('dmsetup', 'mknodes')
    try:
        run('mount', '-t', filesystem, '/dev/mapper/power-loss', point)
        try:
            run('dmsetup', 'message', 'power-loss', '0', 'mark', 'begin')
            run(*command, target, input=NEW.decode())
            run('dmsetup', 'message', 'power-loss', '0', 'mark', 'acknowledged')
        finally:
            run('umount', point)
    finally:
        run('dmsetup', 'remove', 'power-loss')
        run('losetup', '-d', loops[0])
    with open(log, 'rb') as file:
        data = file.read()
    run('losetup', '-d', loops[1])
    return start, data


def entries(data):
    """(flags, offset, bytes or the text of a mark) of each entry of the log."""
    _, _, count, sector_bytes = SUPERBLOCK.unpack_from(data)
    at = sector_bytes
    for _ in range(count):
        sector, sectors, flags, length = ENTRY.unpack_from(data, at)
        text = data[at + ENTRY.size : at + ENTRY.size + length]
        at += sector_bytes
        body = b''
        if sectors and not flags & DISCARD:
            body = data[at : at + sectors * sector_bytes]
            at += sectors * sector_bytes
        yield flags, sector * sector_bytes, text.decode() if flags & MARK else body


def subsets(count):
    if count <= ALL_SUBSETS_UP_TO:
        return itertools.chain.from_iterable(itertools.combinations(range(count), n) for n in range(count + 1))
    return itertools.chain((tuple(range(n)) for n in range(count + 1)), ((n,) for n in range(1, count)))


def look(data):
    """What is there when the image is mounted."""
    with open(image, 'wb') as file:
        file.write(data)
    if subprocess.run(['mount', '-t', filesystem, '-o', 'loop', image, point], stderr=subprocess.DEVNULL).returncode:
        return 'not mounted'
    try:
        content = read(target)
        if content in (OLD, NEW):
            return 'old' if content == OLD else 'new'
        copies = [name for name in names() if name.startswith('.') and read(os.path.join(directory, name)) == NEW]
        return 'only a copy' if copies else 'lost'
    finally:
        run('umount', point)


def names():
    try:
        return os.listdir(directory)
    except OSError:
        return []


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return None


def main():
    start, data = record()
    state, in_flight = bytearray(start), []
    found, seen = collections.Counter(), set()
    begun = acknowledged = False

    def cut():
        if not begun:
            return
        for subset in subsets(len(in_flight)):
            after = bytearray(state)
            for index in subset:
                offset, body = in_flight[index]
                after[offset : offset + len(body)] = body
            key = (hash(bytes(after)), acknowledged)
            if key not in seen:
                seen.add(key)
                found[('acknowledged, ' if acknowledged else '') + look(after)] += 1

    def settle():
        cut()
        for offset, body in in_flight:
            state[offset : offset + len(body)] = body
        in_flight.clear()

    for flags, offset, what in entries(data):
        if flags & MARK:
            begun, acknowledged = True, what.startswith('acknowledged')
            cut()
            if acknowledged:
                break
            continue
        if flags & FLUSH:
            settle()
        if flags & FUA:
            state[offset : offset + len(what)] = what
            cut()
        elif what:
            in_flight.append((offset, what))
    print(json.dumps({'images': len(seen), **found}))


main()
