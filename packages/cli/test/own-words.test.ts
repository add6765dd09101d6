/** No message of the command line names an option of the library, or a call of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as holdfast from 'holdfast';
import { inOwnWords } from '#src/own-words.js';

const bin = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url));

interface Source {
  readonly file: string;
  readonly tree: ts.SourceFile;
}

/** @param name - of a package */
function sourcesOf(name: string): Source[] {
  const [directory = ''] = fileURLToPath(import.meta.resolve(name)).split('/dist/');
  const root = `${directory}/src`;
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => {
      const text = readFileSync(`${root}/${file}`, 'utf8');
      return {
        file: `${name}/${file}`,
        tree: ts.createSourceFile(file, text, ts.ScriptTarget.Latest),
      };
    });
}

/** The optional members of interfaces that are called something with options, choices or limits. */
function optionsIn({ tree }: Source): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isInterfaceDeclaration(node) && /Options|Choice|Limits|Guard$/.test(node.name.text)) {
      for (const member of node.members) {
        if (member.questionToken && member.name && ts.isIdentifier(member.name))
          names.push(member.name.text);
      }
    }
    node.forEachChild(visit);
  };
  visit(tree);
  return names;
}

/** The texts that stand in a source, those that are put together with + whole. */
function textsIn({ tree }: Source): string[] {
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text !== undefined) texts.push(text);
    else node.forEachChild(visit);
  };
  visit(tree);
  return texts;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
  }
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken)
    return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined && right === undefined ? undefined : (left ?? '…') + (right ?? '…');
}

/**
 * The words of a text that are names of the library and of nothing else: plain words are not told
 * from English.
 */
function libraryWordsIn(text: string, names: ReadonlySet<string>): string[] {
  const found = text.match(/\b[a-z]+[A-Z]\w*/gu) ?? [];
  return found.filter((word) => names.has(word));
}

const own = ['raster', 'metaflow', 'crashkit'].map((name) => `@holdfast/${name}`);
const sources = ['holdfast', ...own].flatMap(sourcesOf);
const options = new Set(sources.flatMap(optionsIn));
const names = new Set([...options, ...Object.keys(holdfast)]);

test('every message of the packages that names an option has words of the command line for it', () => {
  for (const known of ['lockPath', 'ifExists', 'timeoutMs', 'tileSizePx'])
    assert.ok(options.has(known));
  const messages = sources.flatMap((source) =>
    textsIn(source)
      .filter((text) => text.includes(' '))
      .map((text) => ({ file: source.file, text })),
  );
  const naming = messages.filter(({ text }) => libraryWordsIn(text, names).length > 0);
  assert.ok(naming.length > 20, `only ${naming.length} messages name one`);
  const left = naming
    .map(({ file, text }) => ({ file, text, words: libraryWordsIn(inOwnWords(text), names) }))
    .filter(({ words }) => words.length > 0);
  assert.deepEqual(left, []);
});

test('a message without words of the command line is found', () => {
  assert.deepEqual(
    libraryWordsIn(inOwnWords('Say lockPath, or syncAll: true.'), new Set(['syncAll', 'lockPath'])),
    ['syncAll'],
  );
});

interface Failing {
  readonly args: readonly string[];
  readonly prepare?: (cwd: string) => void;
  readonly status: number;
  /** What the message says to do. */
  readonly says: RegExp;
}

const failing: readonly Failing[] = [
  { args: ['put', 'new/'], status: 5, says: /Leave the slash out/ },
  {
    args: ['put', 'missing/a'],
    status: 3,
    says: /mkdir -p.*holdfast json, env, toml and yaml make/,
  },
  {
    args: ['put', 'a', '--timeout', '5'],
    status: 2,
    says: /--lock-file.* and --timeout are for --keep/,
  },
  {
    args: ['put', 'a', '--if-exists', 'fail'],
    prepare: (cwd) => writeFileSync(`${cwd}/a`, ''),
    status: 4,
    says: /told not to replace/,
  },
  {
    args: ['json', 'set', 'a.json', '/x', '1'],
    prepare: (cwd) => mkdirSync(`${cwd}/a.json.lock`),
    status: 5,
    says: /another lock file with --lock-file/,
  },
  {
    args: ['toml', 'set', 'a.toml', '/x', '1', '--on-empty', 'error'],
    prepare: (cwd) => writeFileSync(`${cwd}/a.toml`, ''),
    status: 10,
    says: /say --on-empty initial/,
  },
  {
    args: ['records', 'read', 'a.jsonl'],
    prepare: (cwd) => writeFileSync(`${cwd}/a.jsonl`, '{"a":1}{"b":2}\n'),
    status: 10,
    says: /holdfast records repair.*--skip-damaged/,
  },
  {
    args: ['records', 'append', 'a.jsonl', '--keep', '3'],
    status: 2,
    says: /they need --max-bytes/,
  },
  {
    args: ['records', 'read', 'a.jsonl', '--poll', '3'],
    status: 2,
    says: /--poll is for --follow/,
  },
  {
    args: ['publish', 'tree', '--', 'true'],
    prepare: (cwd) => {
      mkdirSync(`${cwd}/tree`);
      writeFileSync(`${cwd}/tree/a`, '');
    },
    status: 4,
    says: /say so \(--replace\)/,
  },
];

test('what fails says what to do in words of the command line', (t) => {
  for (const { args, prepare, status, says } of failing) {
    const cwd = temporaryDirectory(t);
    prepare?.(cwd);
    const input = '{"a":1}\n';
    const result = spawnSync(process.execPath, [bin, ...args], { cwd, input, encoding: 'utf8' });
    assert.equal(result.status, status, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, says);
    assert.deepEqual(libraryWordsIn(result.stderr, options), [], result.stderr);
  }
});
