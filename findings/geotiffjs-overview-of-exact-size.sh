#!/usr/bin/env bash
# geotiff.js asked for exactly the size of an overview reads the next finer level and picks single pixels of it.
#
# Versions: npm geotiff 3.0.5 (Node 20); the file is made by rasterio 1.4.4 (GDAL 3.10.3).
# One would guess: a raster of 256 pixels with averaged overviews of 128 and 64, read as 128x128, gives the overview of 128.
# What happens: an overview is taken only if the resolution asked for is coarser than its own, not if it is the same. 128 comes from
# the 256 by nearest neighbour, 64 from the 128; 127 and 63 come from the overviews of 128 and 64. Four times the pixels are
# fetched, and the averaging is gone: of a checkerboard of 0 and 100 the reader gets one colour. With resX and resY it is the same.
# Output seen:
#   overviews 128 and 64 hold: 50 and 50
#   geotiff.js 129: 0 100
#   geotiff.js 128: 0
#   geotiff.js 127: 50
#   geotiff.js resolution 20 (the overview's): 0 100
#   geotiff.js resolution 20.001: 50
#   GDAL 128: 50
# Source: GeoTIFFBase.readRasters in geotiff's dist-module/geotiff.js ("the worst acceptable resolution": > where >= is meant).
# What it means: pictures at the scales 1:2, 1:4, 1:8 of a COG, which a map viewer asks for first, are the ones that come out
# aliased and dear. Take the overview by getImage(i).readRasters(), or ask for a hair less than its size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" geotiff@3.0.5 >/dev/null
cat >write.py <<'PY'
import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.transform import from_origin

y, x = np.mgrid[0:256, 0:256]
profile = dict(driver="GTiff", width=256, height=256, count=1, dtype="uint8", tiled=True, blockxsize=64, blockysize=64)
with rasterio.open("board.tif", "w", transform=from_origin(0, 2560, 10, 10), crs="EPSG:32633", **profile) as out:
    out.write(((x + y) % 2 * 100).astype("uint8"), 1)
with rasterio.open("board.tif", "r+") as out:
    out.build_overviews([2, 4], Resampling.average)
levels = []
for level in range(2):
    with rasterio.open("board.tif", overview_level=level) as file:
        levels.append((file.width, *np.unique(file.read(1))))
print(f"overviews {levels[0][0]} and {levels[1][0]} hold:", *levels[0][1:], "and", *levels[1][1:])
PY
cat >read.mjs <<'JS'
import { fromFile } from 'geotiff';
const file = await fromFile('board.tif');
const show = async (label, options) => {
  const [values] = await file.readRasters(options);
  console.log(`geotiff.js ${label}:`, [...new Set(values)].sort((a, b) => a - b).join(' '));
};
for (const size of [129, 128, 127]) await show(size, { width: size, height: size });
const bbox = [0, 0, 2560, 2560];
await show("resolution 20 (the overview's)", { bbox, resX: 20, resY: 20 });
await show('resolution 20.001', { bbox, resX: 20.001, resY: 20.001 });
process.exit();
JS
cat >read.py <<'PY'
import numpy as np
import rasterio

with rasterio.open("board.tif") as file:
    print("GDAL 128:", *np.unique(file.read(1, out_shape=(128, 128))))
PY
{ "$folder/venv/bin/python" write.py; node read.mjs; "$folder/venv/bin/python" read.py; } | tee seen
diff seen - <<'SEEN'
overviews 128 and 64 hold: 50 and 50
geotiff.js 129: 0 100
geotiff.js 128: 0
geotiff.js 127: 50
geotiff.js resolution 20 (the overview's): 0 100
geotiff.js resolution 20.001: 50
GDAL 128: 50
SEEN
