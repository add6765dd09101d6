#!/usr/bin/env bash
# npm geotiff cannot be imported in a worker thread of Node that was started without workerData, and eats a workerData with `mod`.
#
# Versions: npm geotiff 3.0.5 with web-worker 1.5.0 (which it asks for as a dependency), Node 20.
# One would guess: reading a TIFF in a worker thread is as in the main thread; nothing in it starts threads unless a Pool is made.
# What happens: geotiff imports web-worker at the top, whose module looks at where it runs. In a thread that is not the main one it
# reads worker_threads.workerData and takes it for its own message: undefined or null is a TypeError, before any of the program's
# code; an object without `mod` is let pass; one whose `mod` is a path of the program's own has that path run as the thread's script,
# and the globals are dressed up as those of a browser's worker.
# Output seen:
#   no workerData: TypeError: Cannot destructure property 'mod' of 'threads.workerData' as it is undefined.
#   workerData null: TypeError: Cannot destructure property 'mod' of 'threads.workerData' as it is null.
#   workerData {}: imported, WorkerGlobalScope undefined
#   workerData { mod: './other.cjs' }: imported, other.cjs was run, WorkerGlobalScope function
# Source: the default export of src/node/index.js in web-worker, mainThread() and workerThread() there; the import in geotiff's
# dist-module/worker/create.js.
# What it means: give each thread that reads TIFFs this way a workerData, `{}` will do, and no key `mod` in it; test the threads,
# not only the main program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" geotiff@3.0.5 web-worker@1.5.0 >/dev/null
cat >other.cjs <<'JS'
globalThis.otherWasRun = true;
JS
cat >thread.mjs <<'JS'
import { parentPort } from 'node:worker_threads';
import('geotiff').then(
  () => 'imported' + (globalThis.otherWasRun ? ', other.cjs was run' : '') + `, WorkerGlobalScope ${typeof WorkerGlobalScope}`,
  (error) => String(error),
).then((line) => parentPort.postMessage(line));
JS
cat >main.mjs <<'JS'
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
const cases = {
  'no workerData': {},
  'workerData null': { workerData: null },
  'workerData {}': { workerData: {} },
  "workerData { mod: './other.cjs' }": { workerData: { mod: './other.cjs' } },
};
for (const [label, options] of Object.entries(cases)) {
  const worker = new Worker(new URL('thread.mjs', import.meta.url), options);
  const [line] = await once(worker, 'message');
  console.log(`${label}: ${line}`);
  await worker.terminate();
}
JS
node main.mjs | tee seen
diff seen - <<'SEEN'
no workerData: TypeError: Cannot destructure property 'mod' of 'threads.workerData' as it is undefined.
workerData null: TypeError: Cannot destructure property 'mod' of 'threads.workerData' as it is null.
workerData {}: imported, WorkerGlobalScope undefined
workerData { mod: './other.cjs' }: imported, other.cjs was run, WorkerGlobalScope function
SEEN
