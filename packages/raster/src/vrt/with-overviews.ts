/**
 * The text of an index of ours once more, with other overviews: all else stays as it was written,
 * to the byte. What makes that easy is that we wrote it, line by line (vrt-text.ts), and know by
 * its digest that nobody has changed it.
 */
import { createHash } from 'node:crypto';
import { digestLine } from './index-digest.js';
import { type IndexedOverviews, overviewsDomain, overviewsLines } from './vrt-text.js';
import { escapeXml } from './xml.js';

/** What the new text says otherwise. */
interface NewFacts {
  readonly oldTilesName: string;
  readonly tilesName: string;
  readonly generation: string;
  readonly overviews: IndexedOverviews | undefined;
}

const PIECE_CHARACTERS = 64 * 1024;

/** The new text as UTF-8, in pieces; its last line is its own digest. */
export async function* withOverviews(text: string, facts: NewFacts): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const hash = createHash('sha256');
  let piece = '';
  const taken = (): Uint8Array => {
    const bytes = encoder.encode(piece);
    hash.update(bytes);
    piece = '';
    return bytes;
  };
  for (const line of changedLines(text, facts)) {
    piece += `${line}\n`;
    if (piece.length >= PIECE_CHARACTERS) yield taken();
  }
  yield taken();
  yield encoder.encode(digestLine(hash.digest('hex')));
}

function* changedLines(text: string, facts: NewFacts): Generator<string> {
  const { oldTilesName, tilesName, overviews } = facts;
  const named = `      <SourceFilename relativeToVRT="1">${escapeXml(oldTilesName)}/`;
  const renamed = `      <SourceFilename relativeToVRT="1">${escapeXml(tilesName)}/`;
  let inside: 'facts' | 'document' | 'overviews' | 'overview' | undefined;
  const kept: string[] = [];
  const lines = [...linesOf(text)];
  for (const [index, line] of lines.entries()) {
    if (inside === 'document') {
      if (line.endsWith('</Metadata>')) inside = undefined;
      yield line;
    } else if (inside === 'facts') {
      if (line !== '  </Metadata>') {
        if (!/<MDI key="(?:GENERATION|TILES|OVERVIEWS)">/u.test(line)) kept.push(line);
        continue;
      }
      inside = undefined;
      yield* factLines(facts);
      yield* kept;
      yield line;
      if (overviews) yield* overviewsLines(overviews);
    } else if (inside === 'overviews') {
      if (line === '  </Metadata>') inside = undefined;
    } else if (inside === 'overview') {
      if (line === '    </Overview>') inside = undefined;
    } else if (line === '    <Overview>' && lines[index + 1]?.startsWith(named))
      inside = 'overview';
    else if (line === `  <Metadata domain="${overviewsDomain}">`) inside = 'overviews';
    else {
      if (line === '  <Metadata domain="HOLDFAST">') inside = 'facts';
      // A document of somebody else may have any lines.
      else if (/^ +<Metadata domain="[^"]*" format=/u.test(line) && !line.endsWith('</Metadata>'))
        inside = 'document';
      yield line.startsWith(named) ? renamed + line.slice(named.length) : line;
    }
  }
}

function* factLines({ generation, tilesName, overviews }: NewFacts): Generator<string> {
  yield `    <MDI key="GENERATION">${escapeXml(generation)}</MDI>`;
  yield `    <MDI key="TILES">${escapeXml(tilesName)}</MDI>`;
  if (overviews) yield `    <MDI key="OVERVIEWS">${overviews.factors.join(',')}</MDI>`;
}

/** Without the last one, the digest. */
function* linesOf(text: string): Generator<string> {
  let from = 0;
  for (;;) {
    const end = text.indexOf('\n', from);
    if (end < 0 || text.startsWith('<!-- holdfast sha256 ', from)) return;
    yield text.slice(from, end);
    from = end + 1;
  }
}
