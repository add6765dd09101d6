"""Judges Cloud Optimized GeoTIFFs: rio-cogeo's strict validator, and what rasterio reads of them.

The paths are the arguments; one JSON object a file goes to standard output.
"""

import hashlib
import json
import sys

import rasterio
from rio_cogeo.cogeo import cog_validate


def digest(values):
    little = values.astype(values.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


for path in sys.argv[1:]:
    valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
    with rasterio.open(path) as raster:
        found = {
            "valid": valid,
            "errors": errors + warnings,
            "layout": raster.tags(ns="IMAGE_STRUCTURE").get("LAYOUT"),
            "pixels": digest(raster.read()),
            "mask": digest(raster.dataset_mask()),
            "epsg": raster.crs.to_epsg() if raster.crs else None,
            "transform": list(raster.transform)[:6],
            "nodata": raster.nodata,
            "overviews": raster.overviews(1),
        }
    for level in range(len(found["overviews"])):
        with rasterio.open(path, overview_level=level) as overview:
            found.setdefault("overviewPixels", []).append(digest(overview.read()))
            found.setdefault("overviewMasks", []).append(digest(overview.dataset_mask()))
    print(json.dumps(found))
