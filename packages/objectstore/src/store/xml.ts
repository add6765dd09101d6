/** The XML that stores answer with. It is flat enough to be read as paths and texts. */
import { SaxesParser } from 'saxes';

/** An element: its text, and the elements in it by their names. */
export interface Element {
  readonly text: string;
  readonly children: ReadonlyMap<string, readonly Element[]>;
}

interface OpenElement {
  text: string;
  readonly children: Map<string, Element[]>;
}

/**
 * The root of a document; names are without prefixes.
 *
 * @throws Error for what is no XML
 */
export function parseXml(text: string): Element & { readonly name: string } {
  const parser = new SaxesParser();
  const top: OpenElement = { text: '', children: new Map() };
  const open: OpenElement[] = [top];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name }) => {
    const element: OpenElement = { text: '', children: new Map() };
    const { children } = open.at(-1) as OpenElement;
    const local = name.slice(name.indexOf(':') + 1);
    children.set(local, [...(children.get(local) ?? []), element]);
    open.push(element);
  });
  parser.on('closetag', () => open.pop());
  const add = (more: string): void => {
    (open.at(-1) as OpenElement).text += more;
  };
  parser.on('text', add);
  parser.on('cdata', add);
  parser.write(text).close();
  const [[name, [root]] = ['', []]] = top.children;
  if (root === undefined) throw new Error('the answer holds no XML element');
  return { ...root, name };
}

/** The text of the first element of a name. */
export function textIn({ children }: Element, name: string): string {
  return children.get(name)?.[0]?.text ?? '';
}

/** A text as the content of an element. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
