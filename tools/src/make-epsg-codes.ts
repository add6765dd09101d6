/**
 * Makes packages/raster/src/crs/epsg-codes.ts out of npm's `epsg-index`, 40 MB of which only the kinds of the codes are
 * needed. Run by hand when EPSG has new codes:
 *
 *     cd $(mktemp -d) && npm install --ignore-scripts epsg-index@2.0.0
 *     node REPO/tools/dist/make-epsg-codes.js node_modules/epsg-index
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Entry {
  readonly kind: string;
  readonly wkt: string | null;
}

const kinds: Readonly<Record<string, string>> = {
  'CRS-PROJCRS': 'projected',
  'CRS-GEOGCRS': 'geographic',
  'CRS-GEOG3DCRS': 'geographic',
  'CRS-GCENCRS': 'geocentric',
  'CRS-VERTCRS': 'vertical',
  'CRS-ENGCRS': 'engineering',
  'CRS-DRVDCRS': 'engineering',
};

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: make-epsg-codes DIRECTORY-OF-EPSG-INDEX');
const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
  version: string;
};
const entries = Object.entries(
  JSON.parse(readFileSync(join(directory, 'all.json'), 'utf8')) as Record<string, Entry>,
);

function codesOf(kind: string): readonly number[] {
  const codes = entries.filter(([, entry]) => kinds[entry.kind] === kind).map(([code]) => code);
  return codes.map(Number).toSorted((a, b) => a - b);
}

/** Runs of codes: the gap since the last one, and how many follow each other; in base 36. */
function runsText(codes: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const code of codes) {
    const last = runs.at(-1);
    if (last && last[1] === code - 1) last[1] = code;
    else runs.push([code, code]);
  }
  let before = 0;
  const texts = runs.map(([first, last]) => {
    const gap = (first - before).toString(36);
    before = last;
    return last > first ? `${gap}+${(last - first).toString(36)}` : gap;
  });
  return texts.join(' ');
}

/** The codes of a compound CRS's two parts: those of the WKT elements right inside it. */
function partsOf(wkt: string | null): readonly number[] {
  let depth = 0;
  const codes: number[] = [];
  for (const [token, code] of (wkt ?? '').matchAll(/\[|\]|AUTHORITY\["EPSG","(\d+)"\]/g)) {
    if (code !== undefined && depth === 2) codes.push(Number(code));
    else if (code === undefined) depth += token === '[' ? 1 : -1;
  }
  return codes;
}

function compoundText(): string {
  let before = 0;
  const compounds = entries.filter(([, entry]) => entry.kind === 'CRS-COMPOUNDCRS');
  const texts = compounds
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .flatMap(([code, { wkt }]) => {
      const parts = partsOf(wkt);
      if (parts.length !== 2) return [];
      const gap = (Number(code) - before).toString(36);
      before = Number(code);
      return [[gap, ...parts.map((part) => part.toString(36))].join(':')];
    });
  return texts.join(' ');
}

/** A string constant, cut into lines. */
function lines(text: string): string {
  const pieces = text.match(/.{1,88}(?: |$)/g) ?? [];
  return pieces.map((piece) => `'${piece}'`).join(' +\n    ');
}

const names = [...new Set(Object.values(kinds))];
const source = `/**
 * The kinds of EPSG's codes: made by the generator make-epsg-codes from epsg-index ${version}; not to be edited.
 * Each kind has its runs of codes, \`gap+more\` in base 36: the gap since the last code, and how many more follow.
 */
export const epsgRuns: Readonly<Record<${names.map((name) => `'${name}'`).join(' | ')}, string>> = {
${names.map((name) => `  ${name}:\n    ${lines(runsText(codesOf(name)))},`).join('\n')}
};

/** Compound codes: \`gap:horizontal:vertical\` in base 36, the gap since the last one and the codes of the two parts. */
export const epsgCompounds: string =
    ${lines(compoundText())};
`;
const target = new URL('../../packages/raster/src/crs/epsg-codes.ts', import.meta.url);
writeFileSync(fileURLToPath(target), source);
