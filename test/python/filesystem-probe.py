"""What a directory can do for one who replaces files: filesystem-probe.py DIRECTORY [THE SAME BY ANOTHER MOUNT]

Prints JSON. Knows nothing of Holdfast and uses none of it: the verdicts of `holdfast doctor` are held against it.
"""
import ctypes, errno, fcntl, json, os, subprocess, sys, time

DIRECTORY = sys.argv[1]
OTHER = sys.argv[2] if len(sys.argv) > 2 else None
AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCHANGE = -100, 1, 2
libc = ctypes.CDLL(None, use_errno=True)
found = {}


def path(name, directory=DIRECTORY):
    return os.path.join(directory, name)


def write(name, data=b'x'):
    with open(path(name), 'wb') as file:
        file.write(data)


def rename2(source, target, flags):
    if libc.renameat2(AT_FDCWD, os.fsencode(path(source)), AT_FDCWD, os.fsencode(path(target)), flags):
        raise OSError(ctypes.get_errno(), 'renameat2')


def trial(name):
    """Notes what the function returns, or the name of the error."""

    def run(function):
        try:
            found[name] = function()
        except OSError as error:
            found[name] = errno.errorcode.get(error.errno, str(error.errno))

    return run


TRY_LOCK = """
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDWR)
try: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError: sys.exit(1)
"""


def is_free(file):
    return subprocess.run([sys.executable, '-c', TRY_LOCK, file], timeout=30).returncode == 0


def excludes(second):
    write('lock')
    file = os.open(path('lock'), os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        while_held = is_free(second)
        fcntl.flock(file, fcntl.LOCK_UN)
        return not while_held and is_free(second)
    finally:
        os.close(file)


@trial('lock')
def _():
    return excludes(path('lock'))


if OTHER:

    @trial('lockElsewhere')
    def _():
        return excludes(path('lock', OTHER))


@trial('directoryLock')
def _():
    os.mkdir(path('locked'))
    first, second = os.open(path('locked'), os.O_RDONLY), os.open(path('locked'), os.O_RDONLY)
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except OSError:
            return True
    finally:
        os.close(first)
        os.close(second)


READER = """
import os, sys
odd, reads = 0, 0
while not os.path.exists(sys.argv[2]):
    for _ in range(50):
        reads += 1
        try:
            with open(sys.argv[1], 'rb') as file: data = file.read()
            odd += len(data) != 100 or len(set(data)) != 1
        except OSError: odd += 1
print(odd, reads)
"""


@trial('readersSeeWhole')
def _():
    """For two seconds beside a reader of another process."""
    write('read', b'0' * 100)
    reader = subprocess.Popen([sys.executable, '-c', READER, path('read'), path('stop')], stdout=subprocess.PIPE)
    end, count = time.monotonic() + 2, 0
    try:
        while time.monotonic() < end:
            count += 1
            write('fresh', str(count % 10).encode() * 100)
            os.rename(path('fresh'), path('read'))
    finally:
        write('stop')
        output = reader.communicate()[0]
    odd, reads = map(int, output.split())
    found['readerSaw'] = f'{odd} of {reads} odd, {count} renames'
    return odd == 0


@trial('renameOverOpen')
def _():
    write('held', b'old')
    write('to come', b'new')
    file = os.open(path('held'), os.O_RDONLY)
    try:
        os.rename(path('to come'), path('held'))
    finally:
        os.close(file)
    with open(path('held'), 'rb') as file:
        return file.read() == b'new'


@trial('directoryOntoEmpty')
def _():
    os.mkdir(path('filled'))
    write('filled/file')
    os.mkdir(path('empty'))
    os.rename(path('filled'), path('empty'))
    return os.path.exists(path('empty/file'))


@trial('refusesFull')
def _():
    os.mkdir(path('one'))
    os.mkdir(path('two'))
    write('two/file')
    try:
        os.rename(path('one'), path('two'))
        return False
    except OSError as error:
        return error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EPERM)


@trial('exchange')
def _():
    os.mkdir(path('left'))
    os.mkdir(path('right'))
    write('left/file')
    rename2('left', 'right', RENAME_EXCHANGE)
    return os.path.exists(path('right/file'))


@trial('noReplace')
def _():
    write('from')
    rename2('from', 'to', RENAME_NOREPLACE)
    write('from')
    try:
        rename2('from', 'to', RENAME_NOREPLACE)
        return False
    except FileExistsError:
        return True


@trial('link')
def _():
    write('first')
    os.link(path('first'), path('second'))
    try:
        os.link(path('first'), path('second'))
        return False
    except FileExistsError:
        return True


@trial('mode')
def _():
    write('mode')
    os.chmod(path('mode'), 0o600)
    return os.stat(path('mode')).st_mode & 0o7777 == 0o600


@trial('attributes')
def _():
    write('attributes')
    os.setxattr(path('attributes'), 'user.probe', b'value')
    return os.getxattr(path('attributes'), 'user.probe') == b'value'


@trial('directorySync')
def _():
    directory = os.open(DIRECTORY, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
        return True
    finally:
        os.close(directory)


print(json.dumps(found))
