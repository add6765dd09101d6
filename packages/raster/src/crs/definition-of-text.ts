/** What the words mean that a VRT and others have for a system (`srsText`). */
import { lengthUnit, projectedCode, projectionOfConversion } from './conversion-of-code.js';
import { datumOfGeographic } from './datum-of-code.js';
import type { Definition } from './definition.js';
import { compoundParts, epsgKind } from './epsg.js';
import { definitionOfProj, projOptions } from './proj-string.js';
import { epsgCodeOf, parseWkt, type WktNode } from './wkt.js';
import { definitionOfWkt, unbound, wktKind } from './wkt-definition.js';

/** The horizontal code that a text of `srsText` names. */
export function codeIn(text: string): number | undefined {
  const [, code] = /^EPSG:(\d+)(?:\+\d+)?$/u.exec(text) ?? [];
  if (code !== undefined) return Number(code);
  const root = text.startsWith('+') ? undefined : horizontalOf(text);
  const own = root && epsgCodeOf(root);
  return own !== undefined && root && epsgKind(own) === wktKind(root) ? own : undefined;
}

function horizontalOf(text: string): WktNode | undefined {
  const root = parseWkt(text);
  const node = root && unbound(root);
  if (!node || wktKind(node) !== 'compound') return node;
  const [first] = node.children;
  return first && unbound(first);
}

/**
 * What a text of `srsText` spells out, or its code stands for; `undefined` where that is not known
 * here. Of a compound system the horizontal part.
 */
export function definitionOfText(text: string): Definition | undefined {
  const code = codeIn(text);
  if (code !== undefined) return definitionOfCode(code);
  if (text.startsWith('+'))
    return projOptions(text)?.has('axis') ? undefined : definitionOfProj(text);
  const node = horizontalOf(text);
  return node && definitionOfWkt(node);
}

function definitionOfCode(given: number): Definition | undefined {
  const code = compoundParts(given)?.horizontal ?? given;
  const known = projectedCode(code);
  const datum = datumOfGeographic(known?.geographic ?? code);
  if (!datum) return undefined;
  const geographic = { ...datum, name: datum.datumName, code: known?.geographic ?? code };
  if (!known) return { kind: 'geographic', geographic, projection: undefined };
  const metresPerUnit = lengthUnit(known.unit)?.metres;
  if (metresPerUnit === undefined) return undefined;
  const { radiansPerUnit } = datum;
  const projection = projectionOfConversion(known.conversion, { radiansPerUnit, metresPerUnit });
  return projection && { kind: 'projected', geographic, projection };
}
