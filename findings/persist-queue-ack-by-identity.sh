#!/usr/bin/env bash
# persist-queue: ack() of a job that came back from a process pool acknowledges nothing, but for the numbers up to 256.
#
# Versions: persist-queue 1.1.0, CPython 3.11, Linux x86-64.
# One would guess: ack(item) finds the job that equals item, or says that there is none.
# What happens: it looks for the very same object (is). An equal one, as a ProcessPoolExecutor, JSON or a message gives it back, is not
# found: ack() returns None, a warning goes to the log 'persistqueue', the job stays unacknowledged and is given out again after the
# next start. CPython keeps one object for each whole number from -5 to 256, so with such job numbers everything works: a test with
# jobs 1, 2, 3 is green. nack() and ack_failed() look in the same way (read, not run).
# Output seen:
#   256: ack gives an id: True
#   5000: ack gives an id: False
#   'tile 7': ack gives an id: False
#   after a restart: [5000, 'tile 7']
#   by id: 0 left
# Source: persistqueue/sqlackqueue.py, SQLiteAckQueue._find_item_id; README, "Acknowledgment Queue", shows ack(item).
# What it means: take get(raw=True) and acknowledge by its pqid, and treat None of ack() as an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check persist-queue==1.1.0
cd "$folder"
cat >jobs.py <<'PY'
import logging
from concurrent.futures import ProcessPoolExecutor
import persistqueue

logging.getLogger("persistqueue").setLevel(logging.ERROR)


def work(job):
    return job  # done: tells which


if __name__ == "__main__":
    queue = persistqueue.SQLiteAckQueue("jobs")
    for job in (256, 5000, "tile 7"):
        queue.put(job)
    with ProcessPoolExecutor(1) as pool:
        for done in pool.map(work, [queue.get() for _ in range(3)]):
            print(f"{done!r}: ack gives an id:", queue.ack(done) is not None)
    queue.close()

    queue = persistqueue.SQLiteAckQueue("jobs")
    again = [queue.get(block=False, raw=True) for _ in range(queue.size)]
    print("after a restart:", [job["data"] for job in again])
    for job in again:
        queue.ack(id=job["pqid"])
    queue.close()
    print("by id:", persistqueue.SQLiteAckQueue("jobs").size, "left")
PY
venv/bin/python jobs.py | tee seen
diff seen - <<'SEEN'
256: ack gives an id: True
5000: ack gives an id: False
'tile 7': ack gives an id: False
after a restart: [5000, 'tile 7']
by id: 0 left
SEEN
