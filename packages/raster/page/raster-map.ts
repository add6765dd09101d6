/**
 * The map: the pixels of the raster as they lie in it, at whole levels, so that none is smoothed. A
 * point of the map is a pixel to the right and, downwards, a negative one.
 */
import Feature from 'ol/Feature.js';
import OlMap from 'ol/Map.js';
import View from 'ol/View.js';
import type Control from 'ol/control/Control.js';
import ScaleLine from 'ol/control/ScaleLine.js';
import { defaults as defaultControls } from 'ol/control/defaults.js';
import ZoomToExtent from 'ol/control/ZoomToExtent.js';
import { fromExtent } from 'ol/geom/Polygon.js';
import TileLayer from 'ol/layer/Tile.js';
import VectorLayer from 'ol/layer/Vector.js';
import Projection from 'ol/proj/Projection.js';
import TileImage from 'ol/source/TileImage.js';
import VectorSource from 'ol/source/Vector.js';
import { getDistance } from 'ol/sphere.js';
import Fill from 'ol/style/Fill.js';
import Stroke from 'ol/style/Stroke.js';
import Style from 'ol/style/Style.js';
import Text from 'ol/style/Text.js';
import TileGrid from 'ol/tilegrid/TileGrid.js';
import type { Description } from '#src/serve/description.js';
import type { TileCell } from '#src/serve/tile-states.js';
import type { Places } from './places.js';

/** How often a pixel of the raster can be doubled on the screen. */
const DOUBLINGS = 5;

const styles = {
  unchecked: new Style({ stroke: new Stroke({ color: '#7a7d85', width: 1 }) }),
  good: new Style({ stroke: new Stroke({ color: '#188038', width: 2 }) }),
};

/** A wrong tile says what is wrong, so that nobody has to see colours. */
function styleOf(state: TileCell['state']): Style {
  if (state === 'good' || state === 'unchecked') return styles[state];
  return new Style({
    stroke: new Stroke({ color: '#d93025', width: 3 }),
    fill: new Fill({ color: 'rgba(217, 48, 37, 0.35)' }),
    text: new Text({
      text: state,
      overflow: true,
      font: '600 13px system-ui, sans-serif',
      fill: new Fill({ color: '#fff' }),
      stroke: new Stroke({ color: '#7a1410', width: 4 }),
    }),
  });
}

export class RasterMap {
  readonly #map: OlMap;
  readonly #squares = new TileLayer<TileImage>();
  readonly #tiles = new VectorLayer({ source: new VectorSource() });
  #description: Description | undefined;
  /** Those that depend on what is shown. */
  #controls: readonly Control[] = [];

  /** @param pointed - told the pixel that is pointed at */
  constructor(target: HTMLElement, pointed: (xPx: number, yPx: number) => void) {
    this.#map = new OlMap({
      target,
      layers: [this.#squares, this.#tiles],
      controls: defaultControls({ attribution: false, rotate: false }),
    });
    this.#tiles.setVisible(false);
    const point = ([x = -1, y = 1]: readonly number[]): void => this.#point(x, -y, pointed);
    this.#map.on('pointermove', ({ coordinate, dragging }) => {
      if (!dragging) point(coordinate);
    });
    this.#map.on('click', ({ coordinate }) => point(coordinate));
    target.addEventListener('keydown', ({ key, target: of }) => {
      if (key === 'Enter' && of === target) point(this.#map.getView().getCenter() ?? []);
    });
  }

  /** Shows a mosaic. What was looked at stays in view where it is on the same grid. */
  show(description: Description, places: Places, style: string): void {
    const before = this.#description?.raster;
    const { raster, maxzoom, minzoom, tiles } = description;
    const { widthPx, heightPx, squarePx } = raster;
    this.#description = description;
    const extent = [0, -heightPx, widthPx, 0];
    const isOnEarth = places.onEarth(widthPx / 2, heightPx / 2) !== undefined;
    const projection = projectionOf(extent, isOnEarth ? places : undefined);
    const levels = Array.from({ length: maxzoom + 1 }, (_, level) => 2 ** (maxzoom - level));
    const grid = { extent, origin: [0, 0], resolutions: levels, minZoom: minzoom };
    const url = (tiles[0] ?? '').replace(/^\//u, '');
    this.#squares.setSource(
      new TileImage({
        projection,
        tileGrid: new TileGrid({ ...grid, tileSize: squarePx }),
        tileUrlFunction: ([z, x, y]) =>
          `${url.replace('{z}', `${z}`).replace('{x}', `${x}`).replace('{y}', `${y}`)}&style=${style}`,
        interpolate: false,
        transition: 0,
        wrapX: false,
      }),
    );
    const isSame =
      before?.widthPx === widthPx &&
      before.heightPx === heightPx &&
      String(before.transform) === String(raster.transform) &&
      before.crs === raster.crs;
    if (isSame) return;
    const closer = Array.from({ length: DOUBLINGS }, (_, index) => 2 ** -(index + 1));
    const resolutions = [...levels.slice(minzoom), ...closer];
    this.#map.setView(
      new View({
        projection,
        extent,
        resolutions,
        constrainOnlyCenter: true,
        constrainResolution: true,
        enableRotation: false,
        center: [widthPx / 2, -heightPx / 2],
        resolution: levels[minzoom] ?? 1,
      }),
    );
    for (const control of this.#controls) this.#map.removeControl(control);
    const whole = new ZoomToExtent({ extent, tipLabel: 'Whole raster', label: '▣' });
    this.#controls = [whole, ...(isOnEarth ? [new ScaleLine()] : [])];
    for (const control of this.#controls) this.#map.addControl(control);
    this.#map.getView().fit(extent);
  }

  showTiles(cells: readonly TileCell[] | undefined): void {
    this.#tiles.setVisible(cells !== undefined);
    const features = cells?.map(({ xPx, yPx, widthPx, heightPx, state }) => {
      const geometry = fromExtent([xPx, -(yPx + heightPx), xPx + widthPx, -yPx]);
      const feature = new Feature({ geometry });
      feature.setStyle(styleOf(state));
      return feature;
    });
    this.#tiles.setSource(new VectorSource({ features: features ?? [] }));
  }

  /** The level, and the pixel in the middle. */
  get view(): { readonly resolution: number; readonly center: readonly number[] } {
    const view = this.#map.getView();
    return { resolution: view.getResolution() ?? 1, center: view.getCenter() ?? [] };
  }

  /** Told when all that is in view is drawn. */
  whenDrawn(drawn: () => void): void {
    this.#map.on('rendercomplete', drawn);
  }

  #point(x: number, y: number, pointed: (xPx: number, yPx: number) => void): void {
    const { widthPx = 0, heightPx = 0 } = this.#description?.raster ?? {};
    // The middle may lie on the far edge.
    if (x >= 0 && y >= 0 && x <= widthPx && y <= heightPx)
      pointed(Math.min(Math.floor(x), widthPx - 1), Math.min(Math.floor(y), heightPx - 1));
  }
}

/** The raster's pixels, with their size on the earth where that is known. */
function projectionOf(extent: number[], places: Places | undefined): Projection {
  const metres = ([x = 0, y = 0]: readonly number[]): number => {
    const [here, next] = [places?.onEarth(x, -y), places?.onEarth(x + 1, -y)];
    return here && next ? getDistance([...here], [...next]) : 1;
  };
  return new Projection({
    code: 'pixels',
    extent,
    units: places ? 'm' : 'pixels',
    getPointResolution: (resolution, point) => (places ? resolution * metres(point) : resolution),
  });
}
