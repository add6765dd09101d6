#!/usr/bin/env bash
# rasterio.merge: a valid pixel of the first raster whose value is only close to the nodata value is given to the next raster.
#
# Versions: rasterio 1.4.4 (GDAL 3.10.3), Python 3.9 to 3.13; rasterio 1.5.2 (GDAL 3.12.2) does the same.
# One would guess: with method="first" each pixel that is valid in the first raster comes from the first raster.
# What happens: whether a pixel of the result is still free is not remembered but read off the result: it is free if its value
# is nodata. For floats that is numpy.isclose with its default tolerances: at nodata 0 everything within 1e-8 (fluxes in kg/m2/s,
# densities), at nodata -9999 everything within 0.1. rasterio's own masked read of the same file, and so the mask of the same
# raster merged alone, has these pixels as valid. Where no raster declares nodata the value is 0, and the zeros of the first are lost.
# "max" and "min" are decided the same way: the larger of 0 and -9 is -9.
# Output seen:
#   nodata 0: valid [True, True, True], first [1e-09, 5e-09, 2e-08], merged [9.0, 9.0, 2e-08]
#   nodata -9999: valid [True, True, True], first [-9999.05, -9998.95, -9998.8], merged [9.0, 9.0, -9998.8]
#   no nodata: valid [True, True, True], first [0.0, 1.0, 2.0], merged [9.0, 1.0, 2.0]
#   no nodata, max of [0, -1, 3] and -9: [-9, -1, 3]
# Source: merge() in rasterio/merge.py (region_mask; nodataval = 0 where nothing says otherwise), and copy_first, copy_max there.
# What it means: give merge() a nodata that no valid pixel comes near (nodata=nan for floats), or declare one in the files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4
cd "$folder"
cat >merge.py <<'PY'
import warnings
import numpy as np
import rasterio
from rasterio.merge import merge
from rasterio.transform import from_origin

warnings.simplefilter("ignore")


def write(name, values, dtype, nodata):
    profile = dict(driver="GTiff", width=3, height=1, count=1, dtype=dtype, nodata=nodata)
    with rasterio.open(name, "w", transform=from_origin(0, 1, 1, 1), crs="EPSG:32633", **profile) as out:
        out.write(np.array([[values]], dtype))


def plain(values):
    return [float(f"{value:g}") for value in values.ravel()]


for nodata, values in ((0, [1e-9, 5e-9, 2e-8]), (-9999, [-9999.05, -9998.95, -9998.8]), (None, [0, 1, 2])):
    write("first.tif", values, "float32", nodata)
    write("second.tif", [9, 9, 9], "float32", nodata)
    with rasterio.open("first.tif") as file:
        first = file.read(1, masked=True)
    valid = (~np.ma.getmaskarray(first)).ravel().tolist()
    merged = merge(["first.tif", "second.tif"], method="first")[0]
    label = "no nodata" if nodata is None else f"nodata {nodata}"
    print(f"{label}: valid {valid}, first {plain(first.data)}, merged {plain(merged)}")
write("first.tif", [0, -1, 3], "int16", None)
write("second.tif", [-9, -9, -9], "int16", None)
print("no nodata, max of [0, -1, 3] and -9:", merge(["first.tif", "second.tif"], method="max")[0].ravel().tolist())
PY
"$folder/venv/bin/python" merge.py | tee seen
diff seen - <<'SEEN'
nodata 0: valid [True, True, True], first [1e-09, 5e-09, 2e-08], merged [9.0, 9.0, 2e-08]
nodata -9999: valid [True, True, True], first [-9999.05, -9998.95, -9998.8], merged [9.0, 9.0, -9998.8]
no nodata: valid [True, True, True], first [0.0, 1.0, 2.0], merged [9.0, 1.0, 2.0]
no nodata, max of [0, -1, 3] and -9: [-9, -1, 3]
SEEN
