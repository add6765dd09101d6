/**
 * A GeoPackage (OGC 12-128r19) with one layer: the outline of each tile, and where its file lies.
 * It has no more than GDAL's GTI driver asks for (https://gdal.org/drivers/raster/gti.html), and
 * nothing of the time or place of its writing, so that the same tiles have the same bytes.
 */
import { escapeXml } from '../vrt/xml.js';
import { openDatabase, type SqlDatabase } from './sql-package.js';

/** A rectangle in coordinates of the layer: least x and y, largest x and y. */
export type Box = readonly [minX: number, minY: number, maxX: number, maxY: number];

/** One row of the layer. */
export interface OutlinedFile {
  /** Relative to the GeoPackage. */
  readonly location: string;
  readonly box: Box;
}

/** The system of coordinates of a layer. */
export interface LayerSystem {
  readonly code: number | undefined;
  /** WKT, or what stands for it. */
  readonly definition: string;
}

/** What a GeoPackage of outlines says. */
export interface Outlines {
  readonly system: LayerSystem | undefined;
  readonly box: Box;
  readonly items: Readonly<Record<string, string>>;
  readonly files: Iterable<OutlinedFile>;
}

/** `GPKG`, and version 1.3 of the standard (1.1.1.1.1). */
const [APPLICATION_ID, USER_VERSION] = [0x47504b47, 10_300];
const LAYER = 'tiles';
/** The standard asks for a time; it is always this one. */
const TIME = '2000-01-01T00:00:00.000Z';
/** Of a system without a code of EPSG; and of coordinates in none (1.1.2.1.2). */
const [OWN_SYSTEM, NO_SYSTEM] = [100_000, -1];

const TABLES = `
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL, min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL UNIQUE, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
  UNIQUE (table_name, column_name, extension_name));
CREATE TABLE gpkg_metadata (id INTEGER PRIMARY KEY, md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL,
  mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT '');
CREATE TABLE gpkg_metadata_reference (reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
  timestamp DATETIME NOT NULL, md_file_id INTEGER NOT NULL, md_parent_id INTEGER);
CREATE TABLE ${LAYER} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POLYGON, location TEXT NOT NULL);`;

/** The bytes of the database. */
export async function geopackageBytes(outlines: Outlines): Promise<Uint8Array> {
  const database = await openDatabase();
  try {
    database.run(`PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${USER_VERSION};`);
    database.run(`BEGIN;${TABLES}`);
    const srsId = addSystems(database, outlines.system);
    addLayer(database, srsId, outlines.box);
    addItems(database, outlines.items);
    const statement = database.prepare(`INSERT INTO ${LAYER} (geom, location) VALUES (?, ?)`);
    for (const { location, box } of outlines.files) statement.run([polygon(srsId, box), location]);
    statement.free();
    database.run('COMMIT');
    return database.export();
  } finally {
    database.close();
  }
}

function addSystems(database: SqlDatabase, system: LayerSystem | undefined): number {
  const add = (
    name: string,
    id: number,
    [by, code]: [string, number],
    definition: string,
  ): void => {
    const sql = 'INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, NULL)';
    database.run(sql, [name, id, by, code, definition]);
  };
  // The three that each GeoPackage has.
  add('Undefined Cartesian SRS', NO_SYSTEM, ['NONE', NO_SYSTEM], 'undefined');
  add('Undefined geographic SRS', 0, ['NONE', 0], 'undefined');
  if (system?.code !== WGS_84) add('WGS 84', WGS_84, ['EPSG', WGS_84], WGS_84_WKT);
  if (!system) return NO_SYSTEM;
  const { code, definition } = system;
  const id = code ?? OWN_SYSTEM;
  add(
    code === undefined ? 'unnamed' : `EPSG:${code}`,
    id,
    [code === undefined ? 'NONE' : 'EPSG', id],
    definition,
  );
  return id;
}

const WGS_84 = 4326;
const WGS_84_WKT =
  'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]';

function addLayer(database: SqlDatabase, srsId: number, box: Box): void {
  const contents = "INSERT INTO gpkg_contents VALUES (?, 'features', ?, '', ?, ?, ?, ?, ?, ?)";
  database.run(contents, [LAYER, LAYER, TIME, ...box, srsId]);
  const columns = "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POLYGON', ?, 0, 0)";
  database.run(columns, [LAYER, srsId]);
}

/** Metadata of the layer, as GDAL writes and reads it (requirement class 8, Metadata). */
function addItems(database: SqlDatabase, items: Outlines['items']): void {
  const lines = Object.entries(items).map(
    ([key, value]) => `<MDI key="${escapeXml(key)}">${escapeXml(value)}</MDI>`,
  );
  const text = `<GDALMultiDomainMetadata><Metadata>${lines.join('')}</Metadata></GDALMultiDomainMetadata>`;
  for (const table of ['gpkg_metadata', 'gpkg_metadata_reference'])
    database.run("INSERT INTO gpkg_extensions VALUES (?, NULL, 'gpkg_metadata', ?, 'read-write')", [
      table,
      'http://www.geopackage.org/spec120/#extension_metadata',
    ]);
  const sql = "INSERT INTO gpkg_metadata VALUES (1, 'dataset', 'http://gdal.org', 'text/xml', ?)";
  database.run(sql, [text]);
  const reference =
    "INSERT INTO gpkg_metadata_reference VALUES ('table', ?, NULL, NULL, ?, 1, NULL)";
  database.run(reference, [LAYER, TIME]);
}

/** A geometry of a GeoPackage (2.1.3): a header with its box, then WKB of the outline. */
function polygon(srsId: number, [minX, minY, maxX, maxY]: Box): Uint8Array {
  const corners = [minX, minY, maxX, minY, maxX, maxY, minX, maxY, minX, minY];
  const bytes = Buffer.alloc(40 + 13 + corners.length * 8);
  // "GP", version 0, little endian with a box of x and y.
  bytes.write('GP', 'latin1');
  bytes[3] = 0b11;
  bytes.writeInt32LE(srsId, 4);
  for (const [index, value] of [minX, maxX, minY, maxY].entries())
    bytes.writeDoubleLE(value, 8 + index * 8);
  // Little endian, a polygon, of one ring, of five points.
  bytes[40] = 1;
  for (const [index, value] of [3, 1, 5].entries()) bytes.writeUInt32LE(value, 41 + index * 4);
  for (const [index, value] of corners.entries()) bytes.writeDoubleLE(value, 53 + index * 8);
  return bytes;
}
