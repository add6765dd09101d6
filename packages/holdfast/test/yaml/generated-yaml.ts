/** YAML texts in all layouts. */
import * as fc from 'fast-check';
import type { GeneratedText } from '../document/edited-text.js';

type Place = readonly (string | number)[];

const scalars = [
  '1',
  '0x1f',
  '1.0',
  '6.2e-34',
  '.inf',
  '~',
  '',
  'true',
  'plain text',
  "'it''s # no'",
  '"\\u00e9 # no"',
  '12345678901234567890',
  '!!str 5',
  '!mine x',
  '&here 7',
  '[]',
  '{}',
  '[1, 2.0,3 ]',
  '[ a, [1], {x: 1} ]',
  '{x: 1,y: "a", z: }',
  '[a: 1]',
] as const;

/** Those that take lines of their own; `>` is where the indentation comes. */
const blocks = [
  '|\n>one\n>  # no\n>two',
  '>-\n>folded\n>text\n',
  '[\n>1, # one\n># own\n\n># nobody\n>2,\n>]',
  '{\n>x: 1\n># end\n>}',
] as const;

interface Tree {
  readonly kind: 'scalar' | 'block' | 'map' | 'sequence';
  readonly value: number;
  readonly above: 'comment' | 'blank' | 'nobody' | 'none';
  readonly isMarked: boolean;
  readonly key: 'plain' | 'quoted';
  readonly items: readonly Tree[];
}

const common = {
  value: fc.nat(),
  above: fc.constantFrom('comment', 'blank', 'nobody', 'none', 'none'),
  isMarked: fc.boolean(),
  key: fc.constantFrom('plain', 'quoted'),
} as const;

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ ...common, kind: fc.constant('scalar'), items: fc.constant([]) }),
    fc.record({ ...common, kind: fc.constant('block'), items: fc.constant([]) }),
    fc.record({
      ...common,
      kind: fc.constantFrom('map', 'sequence'),
      items: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
    }),
  ),
}));

export const yamlText: fc.Arbitrary<GeneratedText> = fc
  .record({
    kind: fc.constantFrom('map', 'sequence'),
    items: fc.array(tree, { minLength: 1, maxLength: 5 }),
    indent: fc.constantFrom(2, 4),
    sequenceIndent: fc.constantFrom(0, 2),
    start: fc.constantFrom('', '', '---\n', '%YAML 1.2\n---\n', '# head\n\n'),
    end: fc.constantFrom('', '', '...\n', '# tail\n'),
    isCrlf: fc.boolean(),
    hasBom: fc.boolean(),
    hasLastLineEnd: fc.boolean(),
  })
  .map(({ kind, items, start, end, isCrlf, hasBom, hasLastLineEnd, ...layout }) => {
    const printer = new Printer(layout);
    printer.items(kind, items, [], 0, false);
    let text = start + printer.text + end;
    if (!hasLastLineEnd) text = text.replace(/\n$/, '');
    if (isCrlf) text = text.replaceAll('\n', '\r\n');
    return { text: (hasBom ? '\ufeff' : '') + text, marks: printer.marks };
  });

class Printer {
  text = '';
  readonly marks = new Map<string, Place>();
  readonly #layout: { readonly indent: number; readonly sequenceIndent: number };
  #count = 0;

  constructor(layout: { readonly indent: number; readonly sequenceIndent: number }) {
    this.#layout = layout;
  }

  /** @param isBehind - whether the first one stands behind a dash */
  items(
    kind: 'map' | 'sequence',
    items: readonly Tree[],
    place: Place,
    column: number,
    isBehind: boolean,
  ): void {
    for (const [index, item] of items.entries()) {
      const name = `k${++this.#count}`;
      const own = [...place, kind === 'map' ? name : index];
      const isFirst = isBehind && index === 0;
      if (!isFirst) this.#above(item.above, own, column);
      if (!isFirst) this.text += ' '.repeat(column);
      if (kind === 'map') this.text += `${item.key === 'quoted' ? `'${name}'` : name}:`;
      else this.text += '-';
      this.#value(item, own, column, kind === 'map');
    }
  }

  #value(
    { kind, value, isMarked, items }: Tree,
    place: Place,
    column: number,
    isMember: boolean,
  ): void {
    const mark = (): string => (isMarked ? this.#mark(place) : '');
    const { indent, sequenceIndent } = this.#layout;
    if (kind === 'scalar') {
      this.text += ` ${scalars[value % scalars.length] as string}`.trimEnd() + `${mark()}\n`;
    } else if (kind === 'block') {
      const block = blocks[value % blocks.length] as string;
      this.text += ` ${block.replaceAll('>', (at, index: number) => (index === 0 ? at : ' '.repeat(column + indent)))}\n`;
    } else if (isMember) {
      this.text += `${mark()}\n`;
      this.items(kind, items, place, column + (kind === 'map' ? indent : sequenceIndent), false);
    } else {
      this.text += ' ';
      this.items(kind, items, place, column + 2, true);
    }
  }

  #above(kind: Tree['above'], place: Place, column: number): void {
    if (kind === 'blank') this.text += '\n';
    if (kind === 'nobody')
      this.text += `${' '.repeat(column)}${this.#mark([...place.slice(0, -1), 'nobody']).trim()}\n\n`;
    if (kind === 'comment') this.text += `${' '.repeat(column)}${this.#mark(place).trim()}\n`;
  }

  #mark(place: Place): string {
    const mark = `#m${this.marks.size + 1}`;
    this.marks.set(mark, place);
    return ` ${mark}`;
  }
}
