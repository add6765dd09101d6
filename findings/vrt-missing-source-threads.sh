#!/usr/bin/env bash
# A VRT whose tile is gone: GDAL 3.10 reads a large window of it without an error, as zeros.
#
# Versions: rasterio 1.4.4 (its wheel brings GDAL 3.10.3), Python 3.9 to 3.13, Linux x86-64.
# One would guess: a window that needs a tile which does not exist is an error, of whatever size the window is.
# What happens: a window of up to 1,000,000 pixels raises. A larger one, which the VRT driver reads on several threads, gives zeros
# where the tile should be, and read() returns; the only trace is a line of GDAL's on standard error. With GDAL_NUM_THREADS=1 it
# raises again. GDAL 3.6.2 and 3.12.2 raise in all cases.
# Output seen:
#   960000 pixels: RasterioIOError
#   1440000 pixels: no error, values [0, 7]
#   1440000 pixels with GDAL_NUM_THREADS=1: RasterioIOError
# Source: frmts/vrt/vrtsourcedrasterband.cpp and vrtdataset.cpp of GDAL 3.10 (multi-threaded IRasterIO of non-overlapping sources,
# from a million pixels on: config option VRT_NUM_THREADS, then GDAL_NUM_THREADS).
# What it means: who may find tiles gone (a mosaic that is replaced, a network that fails) must not take a read without an
# error for whole in this version: set GDAL_NUM_THREADS=1, or read windows of at most 1,000,000 pixels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4
cd "$folder"
cat >read.py <<'PY'
import os
import warnings
import numpy as np
import rasterio
from rasterio.windows import Window

warnings.simplefilter("ignore")
size = "xSize=\"1200\" ySize=\"600\""
sources = ""
for tile in range(2):
    name = f"tile{tile}.tif"
    profile = dict(driver="GTiff", width=1200, height=600, count=1, dtype="uint8")
    with rasterio.open(name, "w", **profile) as out:
        out.write(np.full((1, 600, 1200), 7, "uint8"))
    sources += (
        f'<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>1</SourceBand>'
        f'<SourceProperties RasterXSize="1200" RasterYSize="600" DataType="Byte" BlockXSize="1200" BlockYSize="6"/>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="0" yOff="{600 * tile}" {size}/></SimpleSource>'
    )
with open("mosaic.vrt", "w") as out:
    band = f'<VRTRasterBand dataType="Byte" band="1">{sources}</VRTRasterBand>'
    out.write(f'<VRTDataset rasterXSize="1200" rasterYSize="1200">{band}</VRTDataset>')
os.unlink("tile1.tif")


def read(height, **options):
    try:
        with rasterio.Env(**options), rasterio.open("mosaic.vrt") as mosaic:
            values = np.unique(mosaic.read(1, window=Window(0, 0, 1200, height))).tolist()
            return f"no error, values {values}"
    except rasterio.errors.RasterioIOError:
        return "RasterioIOError"


print("960000 pixels:", read(800))
print("1440000 pixels:", read(1200))
print("1440000 pixels with GDAL_NUM_THREADS=1:", read(1200, GDAL_NUM_THREADS="1"))
PY
"$folder/venv/bin/python" read.py 2>/dev/null | tee seen
diff seen - <<'SEEN'
960000 pixels: RasterioIOError
1440000 pixels: no error, values [0, 7]
1440000 pixels with GDAL_NUM_THREADS=1: RasterioIOError
SEEN
