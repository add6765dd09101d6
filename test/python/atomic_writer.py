"""Updates a JSON file as Metaflow's proposed fix does: flock on <path>.lock, temporary file, fsync, os.replace.

    atomic_writer.py PATH NAME COUNT

Each update writes one list at the keys NAME-<i>, linux-64, conda, and is acknowledged by a line on standard output.
COUNT 0 goes on until it is killed.
"""

import fcntl
import itertools
import json
import os
import sys
import tempfile


def update(path, change):
    lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        document = {}
        if os.path.exists(path) and os.path.getsize(path) > 0:
            with open(path) as file:
                document = json.load(file)
        change(document)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        os.close(lock)


def main(path, name, count):
    for i in range(int(count)) if int(count) else itertools.count():
        key = "%s-%d" % (name, i)

        def write(document):
            document.setdefault(key, {}).setdefault("linux-64", {})["conda"] = [i]

        update(path, write)
        os.write(1, (key + "\n").encode())


main(*sys.argv[1:])
