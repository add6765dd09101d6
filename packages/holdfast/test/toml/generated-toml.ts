/** TOML texts in all layouts. */
import * as fc from 'fast-check';
import type { GeneratedText } from '../document/edited-text.js';

const scalars = [
  '1',
  '+7',
  '-0',
  '0xff',
  '1_000',
  '9223372036854775807',
  '1.0',
  '6.26e-34',
  'inf',
  'nan',
  'true',
  'false',
  '1979-05-27',
  '07:32:00',
  '1979-05-27T07:32:00Z',
  '1979-05-27 07:32:00.999',
  '""',
  '"\\u00e9 # no"',
  "'C:\\x'",
  '"""a\n  "b" # no\n"""',
  "'''\nl'1\n# no'''",
  '[]',
  '[1, 2.0,3 ]',
  '["a", [1], { x = 1 }]',
  '[\n  1, # one\n  # own\n\n  # nobody\n  2,\n]',
  '[\n  1\n  # end\n]',
  '[ { a = 1 },\n  { a = 2 } ]',
  '{}',
  '{ x = 1,y = "a" }',
  '{a.b = 1, a.c = 2}',
  '{ "q r" = [1, 2] }',
] as const;

interface Line {
  readonly value: number;
  readonly above: 'comment' | 'blank' | 'nobody' | 'none';
  readonly isMarked: boolean;
  readonly key: 'bare' | 'quoted' | 'dotted';
  readonly equals: string;
}

const line: fc.Arbitrary<Line> = fc.record({
  value: fc.nat(scalars.length - 1),
  above: fc.constantFrom('comment', 'blank', 'nobody', 'none', 'none'),
  isMarked: fc.boolean(),
  key: fc.constantFrom('bare', 'bare', 'quoted', 'dotted'),
  equals: fc.constantFrom(' = ', '=', '   = '),
});

const section = fc.record({
  kind: fc.constantFrom('table', 'below', 'sub', 'elements', 'implicit'),
  above: fc.constantFrom('comment', 'blank', 'nobody', 'none'),
  indent: fc.constantFrom('', '', '  '),
  lines: fc.array(line, { maxLength: 4 }),
});

export const tomlText: fc.Arbitrary<GeneratedText> = fc
  .record({
    root: fc.array(line, { maxLength: 4 }),
    sections: fc.array(section, { maxLength: 5 }),
    isCrlf: fc.boolean(),
    hasBom: fc.boolean(),
    hasLastLineEnd: fc.boolean(),
  })
  .map(({ root, sections, isCrlf, hasBom, hasLastLineEnd }) => {
    const printer = new Printer();
    for (const each of root) printer.line(each, [], '');
    for (const each of sections) printer.section(each);
    let text = printer.text;
    if (!hasLastLineEnd) text = text.replace(/\n$/, '');
    if (isCrlf) text = text.replaceAll('\n', '\r\n');
    return { text: (hasBom ? '\ufeff' : '') + text, marks: printer.marks };
  });

class Printer {
  text = '';
  readonly marks = new Map<string, readonly (string | number)[]>();
  #count = 0;
  /** The table that a header was last printed for, and how many elements an array of tables has. */
  #last: string | undefined;
  readonly #elements = new Map<string, number>();

  section({
    kind,
    above,
    indent,
    lines,
  }: typeof section extends fc.Arbitrary<infer T> ? T : never): void {
    const name = `t${++this.#count}`;
    const elements = [...this.#elements].at(-1);
    let place: (string | number)[] = [name];
    let header = `[${name}]`;
    if (kind === 'implicit') {
      place = [name, 'deep er', 'x'];
      header = `[${name}."deep er".x]`;
    } else if (kind === 'sub' && this.#last !== undefined) {
      place = [this.#last, name];
      header = `[${this.#last}.${name}]`;
    } else if (kind === 'below' && elements) {
      place = [elements[0], elements[1] - 1, name];
      header = `[ ${elements[0]} . ${name} ]`;
    } else if (kind === 'elements') {
      const key = elements && this.#count % 2 === 0 ? elements[0] : name;
      const index = this.#elements.get(key) ?? 0;
      this.#elements.set(key, index + 1);
      place = [key, index];
      header = `[[${key}]]`;
    } else {
      this.#last = name;
    }
    this.#above(above, place, indent);
    this.text += `${indent}${header}${this.#mark(place)}\n`;
    for (const each of lines) this.line(each, place, indent);
  }

  line(
    { value, above, isMarked, key, equals }: Line,
    table: readonly (string | number)[],
    indent: string,
  ): void {
    const name = `k${++this.#count}`;
    const path = key === 'dotted' ? [`d${this.#count % 3}_${table.length}`, name] : [name];
    const place = [...table, ...path];
    const keys = {
      bare: name,
      quoted: `"${name}"`,
      dotted: path.join(key === 'dotted' ? '.' : ''),
    };
    this.#above(above, place, indent);
    this.text += `${indent}${keys[key]}${equals}${scalars[value] as string}${isMarked ? this.#mark(place) : ''}\n`;
  }

  #above(kind: Line['above'], place: readonly (string | number)[], indent: string): void {
    if (kind === 'blank') this.text += '\n';
    if (kind === 'nobody')
      this.text += `${this.#mark([...place.slice(0, -1), 'nobody']).trim()}\n\n`;
    if (kind === 'comment') this.text += `${indent}${this.#mark(place).trim()}\n`;
  }

  #mark(place: readonly (string | number)[]): string {
    const mark = `#m${this.marks.size + 1}`;
    this.marks.set(mark, place);
    return ` ${mark}`;
  }
}
