/** The page: it shows what the server tells, and follows when the mosaic is replaced. */
import type { BandSummary } from '#src/serve/summary.js';
import type { Description, PixelValue, Told } from '#src/serve/description.js';
import type { TileStates } from '#src/serve/tile-states.js';
import { type Places, placesOf } from './places.js';
import { RasterMap } from './raster-map.js';
import { ask, listen } from './server.js';

/** Of more tiles, nobody reads all without having asked for it. */
const MOST_VERIFIED_UNASKED = 2000;
const SVG = 'http://www.w3.org/2000/svg';

function byId(id: string): HTMLElement {
  return document.querySelector<HTMLElement>(`#${id}`)!;
}

const trouble = byId('trouble');
const bandChoice = byId('band') as HTMLSelectElement;
const showTiles = byId('show-tiles') as HTMLInputElement;
const styleChoices = document.querySelectorAll<HTMLInputElement>('input[name=style]');

let shown: { readonly description: Description; readonly places: Places } | undefined;
let style: string | undefined;
let asking: Promise<void> = Promise.resolve();
let pointed: readonly [number, number] | undefined;
let isAskingValue = false;

const map = new RasterMap(byId('map'), (xPx, yPx) => {
  pointed = [xPx, yPx];
  void showValue();
});
// For those who wait for the picture: a test, or a program that makes one.
map.whenDrawn(() => {
  const { resolution, center } = map.view;
  Object.assign(document.body.dataset, {
    drawn: shown?.description.raster.id ?? '',
    style: style ?? '',
    resolution: String(resolution),
    center: center.join(' '),
  });
});

listen((told) => {
  asking = asking.then(() => follow(told)).catch((error: unknown) => showTrouble(String(error)));
});
for (const choice of styleChoices)
  choice.addEventListener('change', () => {
    style = choice.value;
    if (shown) map.show(shown.description, shown.places, style);
  });
bandChoice.addEventListener('change', () => void showStatistics());
// Who takes the mark away and sets it again wants to know how things stand now.
showTiles.addEventListener('change', () => void showTileStates({ again: 1 }));

async function follow(told: Told | undefined): Promise<void> {
  if (!told) return showTrouble('The server is not reached. What is shown is what it last told.');
  const isNew = told.id !== shown?.description.raster.id;
  if (isNew) await showMosaic();
  const before = 'What is shown is the mosaic as it was before.';
  showTrouble(told.trouble === undefined ? '' : `${told.trouble} ${before}`);
  if (isNew || told.check) await showTileStates();
}

function showTrouble(text: string): void {
  trouble.hidden = text === '';
  trouble.textContent = text;
}

async function showMosaic(): Promise<void> {
  const description = await ask('tilejson.json');
  if (!description) return;
  const isFirst = shown === undefined;
  const { name, raster } = description;
  const places = placesOf(description);
  shown = { description, places };
  document.title = `${name} – Holdfast`;
  byId('name').textContent = name;
  const size = `${raster.widthPx} × ${raster.heightPx} pixels of ${raster.dataType}`;
  const tiles = `${raster.tileCount} ${raster.tileCount === 1 ? 'tile' : 'tiles'}`;
  const limit = description.minzoom > 0 ? '; without overviews it is not drawn as a whole' : '';
  byId('about').textContent = `${size}, ${tiles}, generation ${raster.generation}${limit}`;
  if (isFirst) {
    ({ style } = raster);
    showTiles.checked = raster.tileCount <= MOST_VERIFIED_UNASKED;
  }
  for (const choice of styleChoices) {
    choice.checked = choice.value === style;
    const label = choice.nextElementSibling;
    if (choice.value === 'auto' && label)
      label.textContent = raster.style === 'auto' ? 'As it is' : 'Grey';
  }
  const band = bandChoice.value;
  bandChoice.replaceChildren(
    ...raster.bands.map(({ name: text }, index) => new Option(text, String(index + 1))),
  );
  if (Number(band) <= raster.bands.length && band !== '') bandChoice.value = band;
  byId('band-choice').hidden = raster.bandCount === 1;
  map.show(description, places, style ?? raster.style);
  await showStatistics();
  if (pointed) await showValue();
}

/** One question at a time: what was pointed at meanwhile is asked next. */
async function showValue(): Promise<void> {
  if (isAskingValue || !shown || !pointed) return;
  const [of, [x, y], at] = [shown, pointed, pointed];
  isAskingValue = true;
  const value = await ask('value.json', { x, y, g: of.description.raster.id });
  isAskingValue = false;
  if (of !== shown || at !== pointed) return showValue();
  if (value) showPixel(value, of.description, of.places);
}

function showPixel({ xPx, yPx, values }: PixelValue, of: Description, places: Places): void {
  const center = [xPx + 0.5, yPx + 0.5] as const;
  const [inSystem, onEarth] = [places.inSystem(...center), places.onEarth(...center)];
  const parts = [
    `column ${xPx}, row ${yPx}`,
    inSystem && inSystem.map((each) => numberText(each)).join(', '),
    onEarth && `${degrees(onEarth[1], 'N', 'S')} ${degrees(onEarth[0], 'E', 'W')}`,
  ];
  byId('place').textContent = parts.filter((part) => part !== undefined).join(' · ');
  const rows = values.map(({ band, value, scaled, isValid }) => {
    const { name = `Band ${band}`, unit = '', categories } = of.raster.bands[band - 1] ?? {};
    const category = typeof value === 'number' ? categories?.[value] : undefined;
    // The digits that a float32 has not come from its being told as a float64.
    const own =
      typeof value === 'number' && of.raster.dataType === 'float32' ? numberText(value) : value;
    const said = scaled === undefined ? own : `${numberText(scaled)} (${own})`;
    const words = [String(said), unit, category ?? '', isValid ? '' : '(no data)'];
    return [name, words.filter((word) => word !== '').join(' ')] as const;
  });
  fill(byId('values'), rows);
}

async function showStatistics(): Promise<void> {
  if (!shown) return;
  const { id } = shown.description.raster;
  const band = bandChoice.value;
  const summary = await ask('statistics.json', { band, g: id });
  if (!summary || id !== shown.description.raster.id || band !== bandChoice.value) return;
  fill(byId('figures'), figureRows(summary));
  drawHistogram(summary);
}

function figureRows(summary: BandSummary): readonly (readonly [string, string])[] {
  const { figures, lookedAt, valid, figuresAre } = summary;
  if (!figures) return [['Valid', 'none']];
  const percent = (100 * valid) / lookedAt;
  const of = figuresAre === 'of a sample' ? ` (of ${lookedAt} pixels)` : '';
  return [
    [`Minimum${of}`, numberText(figures.minimum)],
    ['Maximum', numberText(figures.maximum)],
    ['Mean', numberText(figures.mean)],
    ['Standard deviation', numberText(figures.standardDeviation)],
    ['Valid', `${percent.toFixed(percent === 100 ? 0 : 1)} %`],
  ];
}

function drawHistogram({ histogram, lookedAt }: BandSummary): void {
  const picture = byId('histogram');
  const counts = histogram?.counts ?? [];
  const most = Math.max(1, ...counts);
  picture.replaceChildren(
    ...counts.map((count, index) => {
      const bar = document.createElementNS(SVG, 'rect');
      const height = (24 * count) / most;
      for (const [name, value] of Object.entries({ x: index, y: 24 - height, width: 1, height }))
        bar.setAttribute(name, String(value));
      return bar;
    }),
  );
  const range = histogram ? `${numberText(histogram.from)} to ${numberText(histogram.to)}` : '';
  const text = histogram ? `Histogram of ${lookedAt} pixels, ${range}` : 'No values';
  picture.setAttribute('aria-label', text);
  byId('range').textContent = text;
}

async function showTileStates(words: Readonly<Record<string, number>> = {}): Promise<void> {
  if (!shown) return;
  const states = showTiles.checked
    ? await ask('tiles.json', { g: shown.description.raster.id, ...words })
    : undefined;
  map.showTiles(states?.cells);
  byId('check').textContent = states ? checkText(states) : '';
  const problems = (states?.problems ?? []).map(({ kind, path, message }) => {
    const item = document.createElement('li');
    item.textContent = `${kind}: ${path === '' ? '' : `${path}: `}${message}`;
    return item;
  });
  byId('problems').replaceChildren(...problems);
}

function checkText({ checking, done, tileCount, problemCount }: TileStates): string {
  if (checking === 'under way') return `Verifying: ${done} of ${tileCount} tiles`;
  if (checking === 'failed') return 'Verifying failed.';
  if (problemCount === 0) return `Nothing wrong with ${tileCount} tiles.`;
  return `${problemCount} of ${tileCount} tiles or files are not as they should be:`;
}

function fill(table: HTMLElement, rows: readonly (readonly [string, string])[]): void {
  table.replaceChildren(
    ...rows.map(([name, value]) => {
      const row = document.createElement('tr');
      const head = document.createElement('th');
      head.scope = 'row';
      head.textContent = name;
      const cell = document.createElement('td');
      cell.textContent = value;
      row.append(head, cell);
      return row;
    }),
  );
}

/** Enough digits to tell neighbours apart, without those of binary fractions. */
function numberText(value: number): string {
  return String(Number(value.toPrecision(9)));
}

function degrees(value: number, positive: string, negative: string): string {
  return `${Math.abs(value).toFixed(5)}°${value < 0 ? negative : positive}`;
}
