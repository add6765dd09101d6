/** Where a decoder thread starts; see `encode/start-worker.cts`. */
void import('./decoder-thread.js');
