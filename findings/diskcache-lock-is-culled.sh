#!/usr/bin/env bash
# diskcache: a held Lock, and jobs pushed to a Cache, are thrown away first when the cache is full.
#
# Versions: diskcache 5.6.3, Python 3.11, Linux x86-64.
# One would guess: a lock that was acquired without expire is held until its release; a queue keeps what was pushed until it is
# pulled. The limit of size is for cached values.
# What happens: a Lock is a value under a key, and so is each pushed item. The default policy 'least-recently-stored' culls the oldest
# first, and the lock of who works long, and the job that waits longest, are the oldest. Past size_limit (1 GB by default; 1 MiB
# here, to be quick) a second process gets the lock, without expire and without an error on either side; release() says nothing.
# With eviction_policy='none', or with Deque and Index, which set it, both stay.
# Output seen:
#   least-recently-stored: held by the first: False, second process gets it: True, jobs left: 0 of 3
#   none: held by the first: True, second process gets it: False, jobs left: 3 of 3
# Source: diskcache/core.py, Cache._cull and EVICTION_POLICY; the class comment of diskcache/recipes.py Lock says that the key is
# assumed not to be evicted; the comment of Cache.push says nothing of it.
# What it means: locks, semaphores, barriers and queues of diskcache want a cache of their own with eviction_policy='none'. In the
# cache of the results the lock is lost exactly when the work under it stores much.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check diskcache==5.6.3
cd "$folder"
cat >second.py <<'PY'
import sys
import diskcache

with diskcache.Cache(sys.argv[1]) as cache:
    print(cache.add("report", None))  # what Lock.acquire() repeats until it is True
PY
cat >first.py <<'PY'
import os
import subprocess
import sys
import diskcache

for policy in ("least-recently-stored", "none"):
    with diskcache.Cache(policy, size_limit=2**20, eviction_policy=policy) as cache:
        for job in range(3):
            cache.push(f"job {job}", prefix="jobs")
        lock = diskcache.Lock(cache, "report")
        with lock:
            for number in range(40):
                cache[number] = os.urandom(50_000)
            held = lock.locked()
            second = subprocess.run([sys.executable, "second.py", policy], check=True, capture_output=True, text=True)
            jobs = 0
            while cache.pull(prefix="jobs") != (None, None):
                jobs += 1
            print(f"{policy}: held by the first: {held}, second process gets it: {second.stdout.strip()}, jobs left: {jobs} of 3")
PY
"$folder/venv/bin/python" first.py | tee seen
diff seen - <<'SEEN'
least-recently-stored: held by the first: False, second process gets it: True, jobs left: 0 of 3
none: held by the first: True, second process gets it: False, jobs left: 3 of 3
SEEN
