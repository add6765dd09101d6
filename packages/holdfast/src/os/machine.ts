/**
 * What every real filesystem of this process has in common ({@link Fs.machine}). A module of its
 * own: it is there once.
 */
export const machine: object = Object.freeze({});
