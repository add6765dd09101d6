#!/usr/bin/env bash
# fsspec: a transaction on local files that meets a full disk at its end loses the old content and the new.
#
# Versions: fsspec 2026.9.0, Python 3.11, Linux x86-64. Needs unshare -rm (a tmpfs that only we see).
# One would guess: with fs.transaction a file is written beside its target and renamed at the end, so a full disk leaves the old one.
# What happens: the new content is collected in $TMPDIR, whatever disk the target is on. Where the two differ (a /tmp of its own is
# common) the commit copies over the target: first the old content is cut away, then space runs out, and then the temporary file
# is removed too. What is left is a beginning of the new content; the error is raised. With TMPDIR on the target's disk the space
# runs out while writing, and the old content stays.
# Output seen:
#   TMPDIR elsewhere: OSError, state begins with n, whole: False, temporary files: 0
#   TMPDIR beside it: OSError, state begins with o, whole: True, temporary files: 0
# Source: fsspec/implementations/local.py, LocalFileOpener._open (tempfile.mkstemp without a folder), commit (shutil.move) and discard;
# fsspec/transaction.py, Transaction.complete. The move was a rename until fsspec/filesystem_spec issue 544.
# What it means: a reader beside it can see half of the file, too. Set TMPDIR to the target's disk for such a program, or write a
# temporary name with autocommit and rename it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fsspec==2026.9.0
cd "$folder"
mkdir small elsewhere
cat >save.py <<'PY'
import os
import tempfile
import fsspec

fs = fsspec.filesystem("file")
target = os.path.abspath("small/state")
with open("small/other", "wb") as file:
    file.write(b"x" * 400_000)
for where, temporary in (("elsewhere", "elsewhere"), ("beside it", "small/tmp")):
    os.makedirs(temporary, exist_ok=True)
    tempfile.tempdir = os.path.abspath(temporary)  # what TMPDIR sets at the start of a process
    with open(target, "wb") as file:
        file.write(b"o" * 400_000)
    error = None
    try:
        with fs.transaction:
            with fs.open(target, "wb") as file:
                file.write(b"n" * 800_000)
    except OSError as raised:
        error = type(raised).__name__
    with open(target, "rb") as file:
        content = file.read()
    whole = content in (b"o" * 400_000, b"n" * 800_000)
    left = len(os.listdir(temporary))
    print(f"TMPDIR {where}: {error}, state begins with {content[:1].decode()}, whole: {whole}, temporary files: {left}")
PY
unshare --map-root-user --mount bash -c 'mount -t tmpfs -o size=1m none small && exec venv/bin/python save.py' | tee seen
diff seen - <<'SEEN'
TMPDIR elsewhere: OSError, state begins with n, whole: False, temporary files: 0
TMPDIR beside it: OSError, state begins with o, whole: True, temporary files: 0
SEEN
