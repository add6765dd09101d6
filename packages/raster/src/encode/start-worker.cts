/**
 * Where an encoder thread starts. In packages all its modules are this one file, which Node loads
 * in half the time (docs/decisions/0013-bundled-packages.md).
 */
void import('./worker.js');
