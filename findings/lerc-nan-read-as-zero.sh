#!/usr/bin/env bash
# A float GeoTIFF with LERC: what is NaN for GDAL is 0 for tifffile and for geotiff.js, without an error.
#
# Versions: rasterio 1.4.4 (GDAL 3.10.3) writes and reads; tifffile 2026.3.3 with imagecodecs 2026.3.6 and npm geotiff 3.0.5 read.
# tifffile 2026.11.8 with imagecodecs 2026.10.10 on Python 3.13 does the same.
# One would guess: LERC with the error bound 0 is lossless, so all three readers give the same float, NaN among them.
# What happens: NaN is not stored as a value. It is a bit in the validity mask of the LERC block, and the place of the value is 0.
# GDAL turns the mask back into NaN; the two others take the values and drop the mask. A declared nodata of NaN does not help.
# Output seen:
#   nodata none rasterio: 1 nan 3 -5
#   nodata none tifffile: 1 0 3 -5
#   nodata none geotiff.js: 1 0 3 -5
#   nodata nan rasterio: 1 nan 3 -5
#   nodata nan tifffile: 1 0 3 -5
#   nodata nan geotiff.js: 1 0 3 -5
# Source: Esri/lerc pull request 147 (NaN becomes an invalid pixel of the mask) and OSGeo/gdal pull request 3105 (NaN with LERC in
# TIFF); decodeBlock of geotiff's dist-module/compression/lerc.js returns pixels[0] and leaves the mask; imagecodecs.lerc_decode gives
# the mask only to a caller that asks with masks=True.
# What it means: holes of an elevation model become sea level in these readers. Files with NaN that are meant for them need another
# compression, or a finite nodata value in place of NaN; a reader must fill from the mask of the block.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 tifffile==2026.3.3 imagecodecs==2026.3.6
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" geotiff@3.0.5 >/dev/null
cat >write.py <<'PY'
import sys
import warnings
import numpy as np
import rasterio
import tifffile
from rasterio.transform import from_origin

warnings.simplefilter("ignore")
name, nodata = sys.argv[1:]
profile = dict(driver="GTiff", width=4, height=1, count=1, dtype="float32", compress="LERC")
if nodata != "none":
    profile["nodata"] = float(nodata)
with rasterio.open(name, "w", transform=from_origin(0, 1, 1, 1), crs="EPSG:32633", **profile) as out:
    out.write(np.array([[[1, np.nan, 3, -5]]], "float32"))


def line(reader, values):
    print(f"nodata {nodata} {reader}:", *(f"{value:g}" for value in values.ravel()))


with rasterio.open(name) as file:
    line("rasterio", file.read())
line("tifffile", tifffile.imread(name))
PY
cat >read.mjs <<'JS'
import { fromFile } from 'geotiff';
const [name, nodata] = process.argv.slice(2);
const [values] = await (await fromFile(name)).readRasters();
console.log(`nodata ${nodata} geotiff.js:`, [...values].join(' '));
process.exit();
JS
for nodata in none nan; do
  "$folder/venv/bin/python" write.py "$nodata.tif" "$nodata"
  node read.mjs "$nodata.tif" "$nodata"
done | tee seen
diff seen - <<'SEEN'
nodata none rasterio: 1 nan 3 -5
nodata none tifffile: 1 0 3 -5
nodata none geotiff.js: 1 0 3 -5
nodata nan rasterio: 1 nan 3 -5
nodata nan tifffile: 1 0 3 -5
nodata nan geotiff.js: 1 0 3 -5
SEEN
