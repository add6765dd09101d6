/**
 * Where a worker thread starts. Node loads modules that are required in a third less time than those that are imported;
 * versions that cannot require an ECMAScript module import it.
 */
const { require_module: canRequire } = process.features as { readonly require_module?: boolean };
if (canRequire) require('./worker.js');
else void import('./worker.js');
