#!/usr/bin/env bash
# Overviews built for a VRT that names its overview file are written into that file, where it lies.
#
# Versions: rasterio 1.4.4 (its wheel brings GDAL 3.10.3), Linux x86-64: this run. gdaladdo of GDAL 3.6.2 (Debian 12) does the
# same, and with -clean removes the file.
# One would guess: overviews of a VRT go to a .vrt.ovr of its own, and a GeoTIFF that the VRT only names, in OVERVIEW_FILE of the
# metadata domain OVERVIEWS, is read and never written.
# What happens: the GeoTIFF is opened for update, its bytes change, and further levels are made inside of it. There is
# no .vrt.ovr. With a .vrt that has <Overview> elements in its bands the same call is an error in 3.6.2.
# Output seen:
#   levels of the VRT: [2]
#   levels.tif: changed in place
#   mosaic.vrt.ovr: not made
# Source: GDALDefaultOverviews (gcore/gdaldefaultoverviews.cpp): what OVERVIEW_FILE names is taken for the external overview file.
# What it means: whoever points a VRT at one file of overviews, which saves a reader over HTTP the opening of one file for each level,
# lets gdaladdo on the VRT change that file for all who read it. A checksum tells; or take the write permission away.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4
cd "$folder"
cat >build.py <<'PY'
import os
import warnings
import numpy as np
import rasterio

warnings.simplefilter("ignore")

for name, size in (("tile.tif", 512), ("levels.tif", 256)):
    profile = dict(driver="GTiff", width=size, height=size, count=1, dtype="uint8")
    with rasterio.open(name, "w", **profile) as out:
        out.write(np.full((1, size, size), 7, "uint8"))
source = '<SimpleSource><SourceFilename relativeToVRT="1">tile.tif</SourceFilename></SimpleSource>'
named = '<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">levels.tif</MDI></Metadata>'
band = f'<VRTRasterBand dataType="Byte" band="1">{source}</VRTRasterBand>'
with open("mosaic.vrt", "w") as out:
    out.write(f'<VRTDataset rasterXSize="512" rasterYSize="512">{named}{band}</VRTDataset>')


def bytes_of_levels():
    with open("levels.tif", "rb") as file:
        return file.read()


before = bytes_of_levels()
with rasterio.open("mosaic.vrt") as mosaic:
    print("levels of the VRT:", mosaic.overviews(1))
with rasterio.open("mosaic.vrt", "r+") as mosaic:
    mosaic.build_overviews([2, 4])
print("levels.tif:", "as it was" if bytes_of_levels() == before else "changed in place")
print("mosaic.vrt.ovr:", "made" if os.path.exists("mosaic.vrt.ovr") else "not made")
PY
"$folder/venv/bin/python" build.py 2>/dev/null | tee seen
diff seen - <<'SEEN'
levels of the VRT: [2]
levels.tif: changed in place
mosaic.vrt.ovr: not made
SEEN
