/** The work of one machine: `node client.js MACHINE DIRECTORY WORK ROUNDS`. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import {
  appendRecords,
  compactRecords,
  type HoldfastError,
  isHoldfastError,
  publishDirectory,
  transaction,
  updateJson,
} from 'holdfast';

const [name = '', directory = '', work = '', rounds = ''] = process.argv.slice(2);

type Counts = Record<string, number>;

/** An updater that counts this machine's round. */
function count(counts: Counts): Counts {
  return { ...counts, [name]: (counts[name] ?? 0) + 1 };
}

const works: Readonly<Record<string, (round: number) => Promise<unknown>>> = {
  update: () => updateJson<Counts>(`${directory}/document.json`, count, { initial: {} }),

  async append(round) {
    await appendRecords(`${directory}/log.jsonl`, [{ name, round }]);
    // The log that is compacted is another file, at the same name.
    if (round % 20 === 0) {
      await compactRecords(`${directory}/log.jsonl`, { key: ['name', 'round'] });
      await appendRecords(`${directory}/log.jsonl`, [{ name, round }]);
    }
  },

  transaction: () =>
    transaction(directory, async (tx) => {
      await tx.updateJson<Counts>('document.json', count, { initial: {} });
      await tx.updateJson<Counts>('sub/copy.json', count, { initial: {} });
    }),

  publish: () => untilPublished(publishCounts),
};

/** Publishes a tree that counts this round on top of the tree that it replaces. */
async function publishCounts(): Promise<unknown> {
  const target = `${directory}/tree`;
  return publishDirectory(
    target,
    async (stage) => {
      const counts = JSON.parse(readFileSync(`${target}/counts.json`, 'utf8')) as Counts;
      await stage.write('counts.json', JSON.stringify(count(counts)));
      await stage.write('more/names.json', JSON.stringify(Object.keys(counts)));
    },
    { ifExists: 'replace', ifChanged: 'fail', withoutExchange: 'twoRenames', keepPrevious: 2 },
  );
}

/** A publish that is tried so often in vain fails for another reason. */
const MOST_TRIES = 500;

/**
 * Another machine may publish meanwhile, and the tree is missing for an instant while it is
 * replaced. What an error says of the target decides: nothing was changed, and this machine begins
 * anew with what is there now; or its tree is in place all the same.
 */
async function untilPublished(publish: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await publish();
      return;
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      if (!isOvertaken(error)) console.error(`try ${tries} of machine ${name}:`, error);
      if (error.outcome === 'committed') return;
      if (error.outcome !== 'unchanged' || tries >= MOST_TRIES) throw error;
    }
  }
}

function isOvertaken({ code, cause }: HoldfastError): boolean {
  return code === 'TARGET_CHANGED' || ['ENOENT', 'ESTALE'].includes(codeOf(cause));
}

/** Node has no name for ESTALE. */
function codeOf(cause: unknown): string {
  const { code = '', errno } = (cause ?? {}) as NodeJS.ErrnoException;
  return errno === -constants.errno.ESTALE ? 'ESTALE' : code;
}

const run = works[work];
if (run === undefined) throw new Error(`no work is called ${work}`);
for (let round = 1; round <= Number(rounds); round += 1) await run(round);
