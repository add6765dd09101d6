import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeClaim, makeClaim, readClaim, type Claim } from '#src/directory/claim.js';
import { newGeneration, placeOf, type DirectoryPlace } from '#src/directory/place.js';
import { ModelStore, type ModelRequest } from '#src/store/model-store.js';

async function claimed(): Promise<{
  readonly store: ModelStore;
  readonly place: DirectoryPlace;
  readonly claim: Claim;
}> {
  const store = new ModelStore();
  const place = placeOf('test', 's3://bucket/site', { store });
  const generation = newGeneration();
  await makeClaim(place, generation);
  const claim = await readClaim(place, generation);
  assert.equal(claim?.state, 'filling');
  return { store, place, claim };
}

test('of two that change a claim which both have read one does, and is told so', async () => {
  const { place, claim } = await claimed();
  assert.equal(await changeClaim(place, claim, 'superseded'), true);
  assert.equal(await changeClaim(place, claim, 'dead'), false);
  assert.equal((await readClaim(place, claim.generation))?.state, 'superseded');
});

const faults: Readonly<Record<string, (request: ModelRequest) => void>> = {
  'is done, and its answer lost': (request) => {
    request.arrive();
    request.lose();
  },
  'is done twice, with the second answer': (request) => request.arrive(),
  'is lost on its way': (request) => request.lose(),
};

for (const [what, fault] of Object.entries(faults)) {
  test(`a change whose request ${what} takes place, and is told so`, async () => {
    const { store, place, claim } = await claimed();
    store.onRequest = (request) => {
      if (request.method !== 'put') return;
      store.onRequest = undefined;
      fault(request);
    };
    assert.equal(await changeClaim(place, claim, 'dead'), true);
    assert.equal((await readClaim(place, claim.generation))?.state, 'dead');
  });
}

test('a claim that is gone is not made again by a change of it', async () => {
  const { store, place, claim } = await claimed();
  await store.delete({ bucket: 'bucket', key: `site/claims/${claim.generation}.json` });
  assert.equal(await changeClaim(place, claim, 'dead'), false);
  assert.equal(await readClaim(place, claim.generation), undefined);
});
