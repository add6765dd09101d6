import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sharedData } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { ProductionTokenStore } from '@holdfast/metaflow';
import { MersenneTwister } from '#src/mersenne-twister.js';
import { indexOfToken, tokenAt } from '#src/token-sequence.js';

interface Vector {
  readonly prefix: string;
  readonly tokens: readonly string[];
  readonly after_unknown: null;
}

const store = new ProductionTokenStore({ home: '/nonexistent' });

test('the generator gives the words of CPython', () => {
  // CPython 3.11: random.seed(n), then getrandbits(32) twice and getrandbits(5).
  const words = (seed: number): number[] => {
    const random = new MersenneTwister(seed);
    return [random.getRandomBits(32), random.getRandomBits(32), random.getRandomBits(5)];
  };
  assert.deepEqual(words(0), [3626764237, 1654615998, 24]);
  assert.deepEqual(words(0xffffffff), [2728839433, 2661025012, 6]);
});

test('after a whole block of words the generator goes on as CPython does', () => {
  const random = new MersenneTwister(1);
  for (let i = 0; i < 1500; i += 1) random.getRandomBits(32);
  assert.equal(random.getRandomBits(32), 1304572582);
});

test(
  'the tokens are those that Metaflow makes',
  { skip: sharedData('metaflow-tokens.json') === undefined },
  () => {
    const path = sharedData('metaflow-tokens.json') as string;
    const vectors = JSON.parse(readFileSync(path, 'utf8')) as readonly Vector[];
    assert.ok(vectors.length > 0);
    for (const { prefix, tokens } of vectors) {
      let token = store.new(prefix);
      for (const expected of tokens) {
        assert.equal(token, expected);
        token = store.new(prefix, expected);
      }
      assert.equal(store.new(prefix, 'unknown'), undefined);
    }
  },
);

test('the first tokens are right without any data', () => {
  assert.equal(store.new('hello'), 'hello-0-smtq');
  assert.equal(store.new('hello', 'hello-0-smtq'), 'hello-1-zwjl');
  assert.equal(store.new('Ünïcode', 'Ünïcode-1-avoi'), 'Ünïcode-2-rmhc');
});

test('a token of another sequence has no successor', () => {
  for (const other of [
    '',
    'hello',
    'hello-0-aaaa',
    'hello-00-smtq',
    'hell-0-smtq',
    'hello-0-smtq ',
    'xhello-0-smtq',
  ]) {
    assert.equal(store.new('hello', other), undefined);
  }
});

test('a prefix that ends like a token is not confused with a shorter one', () => {
  const prefix = 'hello-0-smtq';
  assert.equal(indexOfToken(prefix, tokenAt(prefix, 7)), 7);
  assert.equal(indexOfToken('hello', tokenAt(prefix, 7)), undefined);
});

test('after the last token there is a typed error', () => {
  const last = tokenAt('hello', 9999);
  assert.equal(store.new('hello', tokenAt('hello', 9998)), last);
  assert.throws(
    () => store.new('hello', last),
    (error) => isHoldfastError(error, 'NOT_FOUND'),
  );
});
