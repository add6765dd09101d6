#!/usr/bin/env bash
# fsspec: with simplecache:: or filecache:: before the address, exclusive creation (mode "xb") overwrites what is there.
#
# Versions: fsspec 2026.9.0, Python 3.11, Linux x86-64. The same seen with s3fs 2026.9.0 on the moto 5.2.5 server.
# One would guess: "xb" fails where the file exists, as it does on local files, in memory and, by If-None-Match, on S3; a cache for
# reading in front of it changes nothing, or refuses the mode.
# What happens: the cache opens a temporary file of its own with the mode, and at close puts it over the target as for "wb", without
# an error; it refuses only what lies in the cache itself already. pipe_file(mode="create") of the cache does the same.
# blockcache:: hands the mode on and refuses.
# Output seen:
#   file: FileExistsError, holds first
#   blockcache: FileExistsError, holds first
#   simplecache: written, holds second
#   filecache: written, holds second
#   pipe_file(mode="create"): file: FileExistsError, holds first
#   pipe_file(mode="create"): simplecache: written, holds second
# Source: fsspec/implementations/cached.py, WholeFileCacheFileSystem and SimpleCacheFileSystem (_open), LocalTempFile.commit (fs.put
# without the mode); fsspec/filesystem_spec pull request 1762 describes the exclusive modes, issue 1977 other modes of the cache.
# What it means: a claim, a lock or a "write once" result by "xb" has any number of winners as soon as somebody puts a cache into
# the address, which usually comes from a configuration. Open such files by an address without a cache.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fsspec==2026.9.0
cd "$folder"
cat >claim.py <<'PY'
import os
import fsspec

claim = os.path.abspath("claim")


def tried(name, work):
    with open(claim, "w") as file:
        file.write("first")
    try:
        work()
        told = "written"
    except OSError as error:
        told = type(error).__name__
    with open(claim) as file:
        print(f"{name}: {told}, holds {file.read()}")


def opened(chain):
    with fsspec.open(f"{chain}file://{claim}", "xb") as file:
        file.write(b"second")


for chain in ("", "blockcache::", "simplecache::", "filecache::"):
    tried(chain.removesuffix("::") or "file", lambda: opened(chain))
for name, fs in (
    ("file", fsspec.filesystem("file")),
    ("simplecache", fsspec.filesystem("simplecache", target_protocol="file")),
):
    tried(f'pipe_file(mode="create"): {name}', lambda: fs.pipe_file(claim, b"second", mode="create"))
PY
TMPDIR="$folder" venv/bin/python claim.py | tee seen
diff seen - <<'SEEN'
file: FileExistsError, holds first
blockcache: FileExistsError, holds first
simplecache: written, holds second
filecache: written, holds second
pipe_file(mode="create"): file: FileExistsError, holds first
pipe_file(mode="create"): simplecache: written, holds second
SEEN
