/** What a request asks for, by its target alone. Nothing of it is ever taken for a path on the disk. */
import type { PreviewStyle } from '../preview/preview.js';
import type { Square } from './map-grid.js';

/** Files of the page, by the path that they are asked for under. */
export const pageFiles = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.js': { name: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/notices.txt': { name: 'notices.txt', type: 'text/plain; charset=utf-8' },
} as const;

export type PageFile = (typeof pageFiles)[keyof typeof pageFiles];

/** What is asked for; `of` is the generation that is meant, if one is. */
export type Asked =
  | { readonly what: 'file'; readonly file: PageFile }
  | { readonly what: 'events' }
  | { readonly what: 'description'; readonly of: string | undefined }
  | { readonly what: 'tiles'; readonly isAgain: boolean; readonly of: string | undefined }
  | { readonly what: 'statistics'; readonly band: number; readonly of: string | undefined }
  | {
      readonly what: 'value';
      readonly xPx: number;
      readonly yPx: number;
      readonly of: string | undefined;
    }
  | {
      readonly what: 'square';
      readonly square: Square;
      readonly style: PreviewStyle;
      readonly of: string | undefined;
    };

const SQUARE = /^\/tiles\/(\d{1,2})\/(\d{1,9})\/(\d{1,9})\.png$/;
const styles: readonly string[] = ['auto', 'hillshade', 'ramp'] satisfies PreviewStyle[];
/** What the shortest hostile target is longer than, and ours are not. */
const MOST_LENGTH = 1024;

/** `unknown` for a target that names nothing, `malformed` for one whose arguments are none. */
export function askedFor(target: string): Asked | 'unknown' | 'malformed' {
  if (target.length > MOST_LENGTH || !target.startsWith('/')) return 'malformed';
  const [path = '', query = ''] = target.split('?', 2);
  if (Object.hasOwn(pageFiles, path))
    return { what: 'file', file: pageFiles[path as keyof typeof pageFiles] };
  const words = new URLSearchParams(query);
  const of = words.get('g') ?? undefined;
  const [, z, x, y] = SQUARE.exec(path) ?? [];
  if (z !== undefined) {
    const style = words.get('style') ?? 'auto';
    if (!isStyle(style)) return 'malformed';
    return { what: 'square', square: { z: Number(z), x: Number(x), y: Number(y) }, style, of };
  }
  switch (path) {
    case '/events':
      return { what: 'events' };
    case '/tilejson.json':
      return { what: 'description', of };
    case '/tiles.json':
      return { what: 'tiles', isAgain: words.has('again'), of };
    case '/statistics.json': {
      const band = numberOf(words.get('band') ?? '1');
      return band === undefined ? 'malformed' : { what: 'statistics', band, of };
    }
    case '/value.json': {
      const [xPx, yPx] = [numberOf(words.get('x')), numberOf(words.get('y'))];
      if (xPx === undefined || yPx === undefined) return 'malformed';
      return { what: 'value', xPx, yPx, of };
    }
    default:
      return 'unknown';
  }
}

function isStyle(text: string): text is PreviewStyle {
  return styles.includes(text);
}

function numberOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
