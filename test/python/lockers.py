"""One lock of another library: `lockers.py KIND hold|try|wait FILE`. FILE is the lock file.

`hold` says `held` when it has the lock, and keeps it until its input ends. `try` tries once: its exit status is 0 when it got the
lock, 1 when somebody else has it. `wait` says `asks`, waits as long as it takes by the library's own poll, says `held`, and frees
the lock; several times.
"""

import contextlib
import fcntl
import os
import struct
import sys
import time

kind, action, path = sys.argv[1:]


class Refused(Exception):
    pass


@contextlib.contextmanager
def by_call(call):
    with open(path, 'a') as file:
        try:
            call(file)
        except BlockingIOError:
            raise Refused
        yield


def ofd(file):
    fcntl.fcntl(file, 37, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0) + b'\0' * 4)


@contextlib.contextmanager
def filelock(name):
    import filelock

    try:
        with getattr(filelock, name)(path, timeout=0):
            yield
    except filelock.Timeout:
        raise Refused


@contextlib.contextmanager
def portalocker(name):
    import portalocker

    flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    try:
        with getattr(portalocker, name)(path, timeout=0, flags=flags):
            yield
    except (portalocker.AlreadyLocked, portalocker.LockException):
        raise Refused


@contextlib.contextmanager
def zc():
    import logging

    import zc.lockfile

    logging.disable()
    try:
        lock = zc.lockfile.LockFile(path)
    except zc.lockfile.LockError:
        raise Refused
    yield
    lock.close()


@contextlib.contextmanager
def fasteners():
    import fasteners

    lock = fasteners.InterProcessLock(path)
    if not lock.acquire(blocking=False):
        raise Refused
    yield
    lock.release()


@contextlib.contextmanager
def oslo():
    from oslo_concurrency import lockutils

    # It adds nothing to the name where no prefix is given, and goes by way of fasteners.
    directory, name = os.path.split(path)
    try:
        with lockutils.lock(name, external=True, lock_path=directory, blocking=False):
            yield
    except lockutils.AcquireLockFailedException:
        raise Refused


@contextlib.contextmanager
def lockfile():
    import lockfile.linklockfile

    # It adds the ending itself.
    lock = lockfile.linklockfile.LinkLockFile(path.removesuffix('.lock'))
    try:
        lock.acquire(timeout=-1)
    except lockfile.AlreadyLocked:
        raise Refused
    yield
    lock.release()


@contextlib.contextmanager
def pid():
    import pid

    try:
        with pid.PidFile(os.path.basename(path), piddir=os.path.dirname(path)):
            yield
    except pid.PidFileAlreadyLockedError:
        raise Refused


kinds = {
    'fcntl.flock': lambda: by_call(lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)),
    'fcntl.lockf': lambda: by_call(lambda file: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)),
    'F_OFD_SETLK': lambda: by_call(ofd),
    'FileLock': lambda: filelock('FileLock'),
    'SoftFileLock': lambda: filelock('SoftFileLock'),
    'Lock': lambda: portalocker('Lock'),
    'TemporaryFileLock': lambda: portalocker('TemporaryFileLock'),
    'zc.lockfile': zc,
    'fasteners': fasteners,
    'oslo': oslo,
    'lockfile': lockfile,
    'pid': pid,
}

def wait():
    import filelock
    import portalocker

    if kind == 'FileLock':
        lock = filelock.FileLock(path)
    else:
        lock = portalocker.Lock(path, timeout=60)
    for _ in range(4):
        print('asks', flush=True)
        lock.acquire()
        print('held', flush=True)
        lock.release()
        time.sleep(0.3)


if action == 'wait':
    wait()
    sys.exit()

try:
    with kinds[kind]():
        print('held', flush=True)
        if action == 'hold':
            sys.stdin.read()
except Refused:
    sys.exit(1)
