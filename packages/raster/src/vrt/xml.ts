/**
 * Text inside XML (XML 1.0, 2.2 and 2.4): what must be escaped is, and what XML cannot hold is
 * refused.
 */
import { invalidArgument } from 'holdfast/options';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // A parser turns these three into spaces or line feeds unless they are written as references.
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Control characters other than the three above, non-characters, and halves of surrogate pairs. */
const impossible = /[^\P{Cc}\t\n\r\u007f-\u009f]|[\ufffe\uffff\p{Cs}]/u;

/**
 * Escapes a text for an element or an attribute.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a character that no XML can hold
 */
export function escapeXml(text: string): string {
  if (impossible.test(text)) {
    throw invalidArgument(
      'escapeXml',
      `${JSON.stringify(text)} holds a character that XML cannot hold`,
    );
  }
  return text.replace(/[&<>"'\t\n\r]/gu, (character) => entities[character] ?? character);
}

/** An element of which all text lies in elements without children, as text. */
export function xmlText(element: {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Parameters<typeof xmlText>[0][];
  readonly text: string;
}): string {
  const { name, attributes, children, text } = element;
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  const inside = children.length > 0 ? children.map(xmlText).join('') : escapeXml(text);
  return `<${name}${given.join('')}>${inside}</${name}>`;
}

/** The text that {@link escapeXml} made this of. */
export function unescapeXml(escaped: string): string {
  return escaped.replace(
    /&(?:amp|lt|gt|quot|apos|#9|#10|#13);/gu,
    (entity) => Object.keys(entities).find((each) => entities[each] === entity) ?? entity,
  );
}
