#!/usr/bin/env bash
# obstore (Rust object_store) on a local folder: files named like "plot#3", and uploads that died, are not listed and cannot be deleted.
#
# Versions: obstore 0.12.1, Python 3.11, Linux x86-64.
# One would guess: list() of a LocalStore gives every regular file of the folder; what it does not take is an error.
# What happens: its own half-written uploads are called TARGET#NUMBER, so every name that ends in # and digits is left out of list()
# and list_with_delimiter() without a word, and refused by get() and delete(). "plot#3" and "backup#2026" are not there for a
# program that copies or sums up what it lists; "plot#3.png" and "plot#b" are. The upload of a process that was killed is of that
# kind: it takes space, and nothing in the library can find or remove it.
# Output seen:
#   in the folder: big.bin#1 plot#3 plot#3.png plot#b
#   listed: plot#3.png plot#b
#   get plot#3: GenericError
#   delete big.bin#1: GenericError
#   put new#1: GenericError
# Source: object_store, src/local.rs, is_valid_file_path, used by list and list_with_delimiter; staged_upload_path makes the names.
# What it means: who mirrors, archives or counts a folder through this library (obstore, and what else is built on object_store) must
# compare with a listing of the system. Orphans of it are found by find -name '*#[0-9]*'.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1
cd "$folder"
mkdir data
for name in 'plot#3' 'plot#3.png' 'plot#b'; do echo "$name" >"data/$name"; done
cat >killed.py <<'PY'
import os
import signal
import obstore
from obstore.store import LocalStore

writer = obstore.open_writer(LocalStore("data"), "big.bin", buffer_size=1_000_000)
for _ in range(20):
    writer.write(b"x" * 1_000_000)
os.kill(os.getpid(), signal.SIGKILL)
PY
{ venv/bin/python killed.py || true; } 2>/dev/null
cat >look.py <<'PY'
import os
import obstore
from obstore.store import LocalStore

store = LocalStore("data")


def tried(work):
    try:
        work()
        return "done"
    except Exception as error:
        return type(error).__name__


print("in the folder:", *sorted(os.listdir("data")))
listed = sorted(entry["path"] for chunk in obstore.list(store) for entry in chunk)
assert listed == sorted(entry["path"] for entry in obstore.list_with_delimiter(store)["objects"])
print("listed:", *listed)
print("get plot#3:", tried(lambda: obstore.get(store, "plot#3")))
print("delete big.bin#1:", tried(lambda: obstore.delete(store, "big.bin#1")))
print("put new#1:", tried(lambda: obstore.put(store, "new#1", b"new")))
PY
venv/bin/python look.py | tee seen
diff seen - <<'SEEN'
in the folder: big.bin#1 plot#3 plot#3.png plot#b
listed: plot#3.png plot#b
get plot#3: GenericError
delete big.bin#1: GenericError
put new#1: GenericError
SEEN
