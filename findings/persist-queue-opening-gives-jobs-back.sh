#!/usr/bin/env bash
# persist-queue: whoever opens an SQLiteAckQueue, if only to count, takes running jobs from their workers and makes them ready again.
#
# Versions: persist-queue 1.1.0, Python 3.11, Linux x86-64.
# One would guess: a job that get() gave out stays with its worker until ack, nack, or the worker's end; to open the queue elsewhere
# and read its sizes changes nothing.
# What happens: the constructor sets every unacknowledged job to ready (auto_resume=True), since it takes them for those of a process
# that died. A monitor that prints unack_count() sees 0, by its own doing, and the next worker gets the job that runs. So does
# a second SQLiteAckQueue on the same path in another thread. With auto_resume=False nothing is changed.
# Output seen:
#   worker has job 1; waiting 1, running 1
#   monitor with auto_resume=False: waiting 1, running 1
#   monitor: waiting 2, running 0
#   another worker gets job 1
# Source: persistqueue/sqlackqueue.py, SQLiteAckQueue.__init__ and resume_unack_tasks (pull request 61); the README tells of neither.
# That several processes are not verified stands in peter-wangxu/persist-queue issue 132, not in the README.
# What it means: exactly one place may open such a queue as it comes, once, before the first get(); every other needs
# auto_resume=False. Jobs must stand being run twice at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check persist-queue==1.1.0
cd "$folder"
cat >monitor.py <<'PY'
import sys
import persistqueue

options = {"auto_resume": False} if "--leave" in sys.argv else {}
queue = persistqueue.SQLiteAckQueue("jobs", **options)
name = "monitor with auto_resume=False" if options else "monitor"
print(f"{name}: waiting {queue.size}, running {queue.unack_count()}")
PY
cat >worker.py <<'PY'
import subprocess
import sys
import persistqueue

queue = persistqueue.SQLiteAckQueue("jobs", auto_resume=False)
if "--second" in sys.argv:
    print("another worker gets", queue.get(block=False))
    sys.exit()
queue.put("job 1")
queue.put("job 2")
job = queue.get()
print(f"worker has {job}; waiting {queue.size}, running {queue.unack_count()}", flush=True)
for command in (["monitor.py", "--leave"], ["monitor.py"], ["worker.py", "--second"]):
    subprocess.run([sys.executable, *command], check=True)
PY
venv/bin/python worker.py | tee seen
diff seen - <<'SEEN'
worker has job 1; waiting 1, running 1
monitor with auto_resume=False: waiting 1, running 1
monitor: waiting 2, running 0
another worker gets job 1
SEEN
