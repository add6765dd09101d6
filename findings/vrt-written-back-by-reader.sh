#!/usr/bin/env bash
# A VRT that was opened for reading is written back by GDAL, over what another program has put there meanwhile.
#
# Versions: GDAL 3.10.3 (in the wheel of rasterio 1.4.4), Linux x86-64: this run. rasterio 1.5.2 (GDAL 3.12.2) does the same. Seen
# through GDAL's own Python bindings, which this script does not install: GDAL 3.6.2 (Debian 12) and 3.13.3 do the same.
# One would guess: a dataset opened with mode 'r' leaves its file as it is; statistics go to a .aux.xml beside it.
# What happens: computed statistics make the VRT driver write the whole VRT at closing, from what it had read at opening. A VRT that
# was replaced in between is the old one again, without an error. A VRT that has STATISTICS_MINIMUM, _MAXIMUM, _MEAN and _STDDEV
# of each band is left alone by statistics() (GDALGetRasterStatistics), but not if the reader drops those first (clear_cache). By the
# bindings, 3.6.2 and 3.13.3: GetStatistics leaves it alone; ComputeStatistics, GetHistogram, GetDefaultHistogram and
# Info with -hist write it back with statistics in it or without; ComputeRasterMinMax never does.
# Output seen:
#   without statistics: one.tif, replaced: two.tif, after the reader has closed: one.tif
#   with statistics: one.tif, replaced: two.tif, after the reader has closed: two.tif
#   with statistics, clear_cache: one.tif, replaced: two.tif, after the reader has closed: one.tif
# Source: VRTDataset::FlushCache (frmts/vrt/vrtdataset.cpp): what is flushed does not depend on the access mode.
# What it means: a program that replaces a VRT which others have open must put statistics into it, and look at it again before it
# relies on it; or take the write permission of the file away (seen to help on rasterio 1.4.4, but not against a reader that is root).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4
cd "$folder"
cat >read.py <<'PY'
import os
import re
import warnings
import numpy as np
import rasterio

warnings.simplefilter("ignore")


def vrt_of(name, value, metadata):
    with rasterio.open(name, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint8") as out:
        out.write(np.arange(64 * 64, dtype="uint16").reshape(1, 64, 64).astype("uint8") // value)
    source = f'<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename></SimpleSource>'
    band = f'<VRTRasterBand dataType="Byte" band="1">{metadata}{source}</VRTRasterBand>'
    return f'<VRTDataset rasterXSize="64" rasterYSize="64">{band}</VRTDataset>'


def put(text):
    with open("new.vrt", "w") as out:
        out.write(text)
    os.rename("new.vrt", "mosaic.vrt")


def named():
    with open("mosaic.vrt") as file:
        return re.search(r">([a-z]+\.tif)<", file.read()).group(1)


def replaced_while_read(label, metadata, **options):
    put(vrt_of("one.tif", 1, metadata))
    line = f"{label}: {named()}"
    with rasterio.open("mosaic.vrt") as reader:
        reader.statistics(1, **options)
        put(vrt_of("two.tif", 2, metadata))
        line += f", replaced: {named()}"
    print(f"{line}, after the reader has closed: {named()}")


values = {"MINIMUM": 0, "MAXIMUM": 255, "MEAN": 127.5, "STDDEV": 73.9}
items = "".join(f'<MDI key="STATISTICS_{key}">{value}</MDI>' for key, value in values.items())
statistics = f"<Metadata>{items}</Metadata>"
replaced_while_read("without statistics", "")
replaced_while_read("with statistics", statistics)
replaced_while_read("with statistics, clear_cache", statistics, clear_cache=True)
PY
"$folder/venv/bin/python" read.py | tee seen
diff seen - <<'SEEN'
without statistics: one.tif, replaced: two.tif, after the reader has closed: one.tif
with statistics: one.tif, replaced: two.tif, after the reader has closed: two.tif
with statistics, clear_cache: one.tif, replaced: two.tif, after the reader has closed: one.tif
SEEN
