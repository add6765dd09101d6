/** A directory of the files of ../directory/labelled.ts, made in parts of one file each. */
import { beginParts } from '#src/parts/begin-parts.js';
import { joinParts, type PublishedParts } from '#src/parts/session.js';
import type { ObjectStore } from '#src/store/object-store.js';
import { contentOf, fileNames } from '../directory/labelled.js';

/** Does all of it, from the beginning, as often as it takes. */
export async function makeInParts(
  url: string,
  label: string,
  store: ObjectStore,
): Promise<PublishedParts> {
  const { id } = await beginParts(url, { store, partCount: fileNames.length, job: label });
  const session = await joinParts(url, id, { store });
  for (const [part, name] of fileNames.entries())
    await session.writePart(part, (stage) => stage.write(name, contentOf(name, label)));
  return session.commit();
}
