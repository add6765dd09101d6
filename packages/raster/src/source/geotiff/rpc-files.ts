/**
 * Rational polynomial coefficients in a text beside the file: DigitalGlobe's `.RPB` and GeoEye's
 * `_RPC.TXT`, in the words of GDAL's metadata domain `RPC` (GDAL's `GDALLoadRPBFile` and
 * `GDALLoadRPCFile`). A text that lacks one of them is none.
 */
import { rpcLists, rpcNumbers, RPC_LIST_LENGTH } from './tag-items.js';

/** What `.RPB` calls them. */
const namesInRpb: Readonly<Record<string, string>> = {
  ERR_BIAS: 'errBias',
  ERR_RAND: 'errRand',
  LINE_OFF: 'lineOffset',
  SAMP_OFF: 'sampOffset',
  LAT_OFF: 'latOffset',
  LONG_OFF: 'longOffset',
  HEIGHT_OFF: 'heightOffset',
  LINE_SCALE: 'lineScale',
  SAMP_SCALE: 'sampScale',
  LAT_SCALE: 'latScale',
  LONG_SCALE: 'longScale',
  HEIGHT_SCALE: 'heightScale',
  LINE_NUM_COEFF: 'lineNumCoef',
  LINE_DEN_COEFF: 'lineDenCoef',
  SAMP_NUM_COEFF: 'sampNumCoef',
  SAMP_DEN_COEFF: 'sampDenCoef',
};

const isOptional = (name: string): boolean => name.startsWith('ERR_');

/** The items of the domain; `undefined` where one is missing. */
export function rpcOfText(
  name: string,
  text: string,
): Readonly<Record<string, string>> | undefined {
  const found = /\.rpb$/iu.test(name) ? valuesOfRpb(text) : valuesOfTxt(text);
  const items: Record<string, string> = {};
  for (const item of [...rpcNumbers, ...rpcLists]) {
    const value = found(item);
    if (value !== undefined) items[item] = value;
    else if (!isOptional(item)) return undefined;
  }
  return items;
}

/** `lineOffset = 18;` and `lineNumCoef = ( 1, 2 );` */
function valuesOfRpb(text: string): (item: string) => string | undefined {
  const values = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(/(\w+)\s*=\s*(\([^)]*\)|[^;\n]*);?/gu))
    values.set(name, value.trim());
  return (item) => {
    const value = values.get(namesInRpb[item] ?? '');
    if (value === undefined || !value.startsWith('(')) return value;
    const numbers = value.slice(1, -1).split(/[\s,]+/u);
    return joinedList(numbers.filter((number) => number !== ''));
  };
}

/** `LINE_OFF: 18` and `LINE_NUM_COEFF_1: 1`, a line each; some have a unit behind. */
function valuesOfTxt(text: string): (item: string) => string | undefined {
  const values = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(/^\s*(\w+)\s*[:=][ \t]*(.*?)\s*$/gmu))
    values.set(name, value);
  return (item) => {
    if (!(rpcLists as readonly string[]).includes(item)) return values.get(item);
    const numbers = Array.from({ length: RPC_LIST_LENGTH }, (_, at) =>
      values.get(`${item}_${at + 1}`),
    );
    return joinedList(numbers.filter((number) => number !== undefined));
  };
}

function joinedList(numbers: readonly string[]): string | undefined {
  return numbers.length === RPC_LIST_LENGTH ? numbers.join(' ') : undefined;
}
