"""Reads GTI indexes by GDAL, beside the VRT of the same mosaic: pairs of a GTI and a VRT are the arguments; one JSON object a pair."""

import json
import sqlite3
import sys
import warnings

warnings.filterwarnings("ignore")

import numpy
import rasterio


def facts(path):
    with rasterio.open(path) as raster:
        overviews = raster.overviews(1)
        pixels = [raster.read(), raster.dataset_mask()]
        # Seen from afar: by the overviews, where there are some inside of tiles.
        small = raster.read(1, out_shape=(raster.height // 2, raster.width // 2))
        return {
            "driver": raster.driver,
            "size": [raster.width, raster.height],
            "transform": list(raster.transform)[:6],
            "crs": raster.crs,
            "nodata": raster.nodata,
            "types": raster.dtypes,
        }, pixels, small, overviews


for gti_path, vrt_path in zip(sys.argv[1::2], sys.argv[2::2]):
    gti, gti_pixels, gti_small, gti_overviews = facts(gti_path)
    vrt, vrt_pixels, vrt_small, vrt_overviews = facts(vrt_path)
    different = []
    for name in vrt:
        if name in ("driver", "transform"):
            continue
        same = gti[name] == vrt[name] or (name == "nodata" and str(gti[name]) == str(vrt[name]))
        if not same:
            different.append(f"{name}: {gti[name]} is not {vrt[name]}")
    if not numpy.allclose(gti["transform"], vrt["transform"], rtol=1e-12):
        different.append(f"transform: {gti['transform']} is not {vrt['transform']}")
    for name, one, other in zip(("pixels", "mask"), gti_pixels, vrt_pixels):
        if not numpy.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            different.append(name)
    if gti_overviews and not numpy.array_equal(gti_small, vrt_small, equal_nan=gti_small.dtype.kind == "f"):
        different.append("overview")
    database = sqlite3.connect(f"file:{gti_path}?mode=ro", uri=True)
    check = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    print(json.dumps({"driver": gti["driver"], "different": different, "overviews": gti_overviews, "vrtOverviews": vrt_overviews, "check": check}))
