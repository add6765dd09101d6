/**
 * What TOML and YAML documents hold after an update, as parsers of another language see it:
 * Python's tomllib and ruamel.yaml.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { repository } from '@holdfast/tools/testing';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { readToml, readYaml, TomlDate, updateToml } from 'holdfast';
import { tomlSyntax } from '#src/toml/update-toml.js';
import { yamlSyntax } from '#src/yaml/update-yaml.js';
import { tomlText } from '../toml/generated-toml.js';
import { yamlText } from '../yaml/generated-yaml.js';
import { changes, checkChanged } from './edited-text.js';

const RUAMEL = 'ruamel.yaml==0.19.1';

/** A Python with ruamel.yaml, in an environment of its own, which is made when it is missing. */
function pythonWithYaml(): string {
  const folder = `${repository}.cache/yaml-venv`;
  const python = `${folder}/bin/python`;
  if (existsSync(python) && spawnSync(python, ['-c', 'import ruamel.yaml']).status === 0)
    return python;
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', RUAMEL], { stdio: 'inherit' });
  return python;
}

function tagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tagged);
  if (value instanceof TomlDate) return { date: value.text };
  if (value === null) return { null: true };
  if (typeof value === 'bigint' || typeof value === 'number') {
    return { number: Object.is(value, -0) ? '0' : String(value) };
  }
  if (typeof value !== 'object') return { [typeof value]: value };
  return {
    object: Object.fromEntries(Object.entries(value).map(([key, each]) => [key, tagged(each)])),
  };
}

for (const [kind, generated, load, read] of [
  ['toml', tomlText, tomlSyntax, readToml],
  ['yaml', yamlText, yamlSyntax, readYaml],
] as const) {
  test(`${kind} documents hold for Python what the updater made, whatever their layout`, async (t) => {
    const directory = temporaryDirectory(t);
    const syntax = await load('test');
    const list: unknown[] = [];
    // Of a text block at the end of a file without a last line end `yaml` says that it has one, and
    // ruamel.yaml that it has none.
    const told = generated.filter(({ text }) => kind === 'toml' || text.endsWith('\n'));
    for (const [text, change] of fc.sample(fc.tuple(told, changes), 300)) {
      const path = `${directory}/${list.length}.${kind}`;
      writeFileSync(path, checkChanged(syntax, text, change));
      list.push([path, tagged(await read<object>(path, { initial: {} }))]);
    }
    writeFileSync(`${directory}/list.json`, JSON.stringify(list));
    const judge = [`${repository}test/python/document_judge.py`, `${directory}/list.json`];
    const said = execFileSync(pythonWithYaml(), judge, { encoding: 'utf8' });
    assert.equal(said, '300\n');
  });
}

test('a float that becomes a whole number is a float for Python, and a date is a date', async (t) => {
  const path = `${temporaryDirectory(t)}/a.toml`;
  writeFileSync(path, 'lr = 1.0\nn = 1\nday = 1979-05-27\n');
  await updateToml<Record<string, unknown>>(path, (document) => {
    document['lr'] = 2;
    document['n'] = 2;
    document['day'] = new TomlDate('2024-02-29');
  });
  assert.equal(readFileSync(path, 'utf8'), 'lr = 2.0\nn = 2\nday = 2024-02-29\n');
  const script = 'import sys, tomllib; print(tomllib.load(open(sys.argv[1], "rb")))';
  const said = execFileSync('python3', ['-c', script, path], { encoding: 'utf8' });
  assert.equal(said, "{'lr': 2.0, 'n': 2, 'day': datetime.date(2024, 2, 29)}\n");
});
