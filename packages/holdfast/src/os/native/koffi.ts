/**
 * The package koffi, which calls functions of the system's libraries. It is CommonJS and loads its
 * binary synchronously, so that whoever needs it need not wait; and it is never named to a bundler,
 * which could not take its binary along.
 */
import * as nodeModule from 'node:module';
import { errnoOf } from '../../errors.js';
import { isAbsolute } from '../paths.js';

// Its declarations are those of an ES module, whoever imports ours.
export type Koffi = typeof import('koffi', { with: { 'resolution-mode': 'import' } });

let loaded: Koffi | undefined;

/**
 * @throws what loading it throws where it lies; where it lies nowhere, MODULE_NOT_FOUND
 */
export function loadKoffi(): Koffi {
  loaded ??= load();
  return loaded;
}

/**
 * The files beside which `node_modules` may have it: this module; the bundle that has this module
 * in it, which some bundlers make with the address that this module had for them, or with none; the
 * program; and a program that is one file with its Node.
 */
function placesOfKoffi(): readonly string[] {
  const places = [
    import.meta.url as string | undefined,
    fileOfBundle(),
    process.argv[1],
    process.execPath,
  ];
  return places.filter(
    (place): place is string =>
      typeof place === 'string' && (place.startsWith('file:') || isAbsolute(place)),
  );
}

/**
 * What only CommonJS has. Webpack answers `typeof` with what it takes for granted, so the name
 * itself is tried.
 */
function fileOfBundle(): string | undefined {
  try {
    return __filename;
  } catch {
    return undefined;
  }
}

function load(): Koffi {
  const failures: unknown[] = [];
  for (const place of placesOfKoffi()) {
    try {
      // Not by an import of its name, which webpack takes for its own and breaks.
      return nodeModule.createRequire(place)('koffi') as Koffi;
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures.find((error) => errnoOf(error) !== 'MODULE_NOT_FOUND') ?? failures[0];
}
