/**
 * Reads an XML text into a tree. A document type declaration is refused, so no entity is ever
 * defined or expanded, and nothing outside the text is fetched.
 */
import { setImmediate } from 'node:timers/promises';

/** One element: its attributes, its child elements in order, and the text directly inside it. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

interface OpenElement {
  name: string;
  attributes: Record<string, string>;
  children: XmlElement[];
  text: string;
}

/**
 * Elements nested deeper than this are no mosaic, and would only exhaust the stack of whoever walks
 * them.
 */
const MAXIMUM_DEPTH = 64;

/** So many characters are parsed in one go; then others have their turn. */
const PIECE_CHARACTERS = 256 * 1024;

/** How a text is gone through. */
interface ParseXmlOptions {
  /** Ends the parsing, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each element as it begins; what it throws ends the parsing. */
  readonly onElement?: ((name: string) => void) | undefined;
}

/**
 * Parses a whole document.
 *
 * @throws Error with line and column, for text that is not well-formed or declares a document type
 */
export async function parseXml(
  text: string,
  { signal, onElement }: ParseXmlOptions = {},
): Promise<XmlElement> {
  const { SaxesParser } = await import('saxes');
  const root: OpenElement = { name: '', attributes: {}, children: [], text: '' };
  const open: OpenElement[] = [root];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw parser.makeError('a document type declaration is not allowed');
  });
  parser.on('opentag', ({ name, attributes }) => {
    onElement?.(name);
    if (open.length > MAXIMUM_DEPTH) throw parser.makeError('elements are nested too deep');
    const element: OpenElement = { name, attributes, children: [], text: '' };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  const addText = (more: string): void => {
    const top = open.at(-1);
    if (top) top.text += more;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => void open.pop());
  for (let at = 0; at < text.length; at += PIECE_CHARACTERS) {
    if (at > 0) await setImmediate();
    signal?.throwIfAborted();
    parser.write(text.slice(at, at + PIECE_CHARACTERS));
  }
  parser.close();
  const document = root.children[0];
  if (!document) throw new Error('the document has no element');
  return document;
}

/** The first child element of a name. */
export function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((candidate) => candidate.name === name);
}

/** All child elements of a name. */
export function children(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((candidate) => candidate.name === name);
}
