"""Judges STAC items: pystac's schemas of the core, and what odc-stac and GDAL load by them.

The arguments are pairs of an item, or an item collection of its tiles, and the raster that it is of; one JSON object a pair goes to standard output.
Nothing is fetched: the schemas of extensions are on the web alone, so their closed lists of fields stand here.
"""

import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")

import numpy
import odc.stac
import pystac
import pystac.validation
import rasterio

PROJECTION_2_0 = {"code", "wkt2", "projjson", "geometry", "bbox", "centroid", "shape", "transform"}
RASTER_2_0 = {
    "bits_per_sample",
    "sampling",
    "spatial_resolution",
    "scale",
    "offset",
    "histogram",
}


def fields(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner)


def same(found, wanted):
    found = numpy.asarray(found).reshape(wanted.shape)
    return bool(numpy.array_equal(found.astype("float64"), wanted.astype("float64"), equal_nan=True))


def unknown_fields(text):
    names = set(fields(text))
    unknown = {n for n in names if n.startswith("proj:") and n[5:] not in PROJECTION_2_0}
    return unknown | {n for n in names if n.startswith("raster:") and n[7:] not in RASTER_2_0}


def validate(text):
    pystac.validation.validate_dict(text, pystac.STACObjectType.ITEM, "1.1.0", extensions=[])


def items_verdict(path, text, raster_path):
    for feature in text["features"]:
        validate(feature)
    items = list(pystac.ItemCollection.from_file(path))
    for item in items:
        item.set_self_href(os.path.abspath(path))
    with rasterio.open(raster_path) as raster:
        wanted = raster.read()
        transform = list(raster.transform)[:6]
        crs = raster.crs
    hrefs = [item.assets["data"].get_absolute_href() for item in items]
    verdict = {
        "unknown": sorted(unknown_fields(text)),
        "ids": len({item.id for item in items}) == len(items),
        "opens": all(os.path.exists(href) for href in hrefs),
    }
    if crs and crs.to_epsg():
        loaded = odc.stac.load(items)
        bands = [loaded[name].values[0] for name in loaded.data_vars]
        verdict["odc"] = same(bands, wanted)
        verdict["odcTransform"] = bool(
            numpy.allclose(list(loaded.odc.geobox.transform)[:6], transform, rtol=1e-12)
        )
    return verdict


for item_path, raster_path in zip(sys.argv[1::2], sys.argv[2::2]):
    with open(item_path) as file:
        text = json.load(file)
    if text["type"] == "FeatureCollection":
        print(json.dumps(items_verdict(item_path, text, raster_path)))
        continue
    validate(text)
    item = pystac.Item.from_file(item_path)
    item.make_asset_hrefs_absolute()
    with rasterio.open(raster_path) as raster:
        wanted = raster.read()
        epsg = raster.crs.to_epsg() if raster.crs else None
        transform = list(raster.transform)[:6]
    verdict = {
        "unknown": sorted(unknown_fields(text)),
        "opens": item.assets["data"].href == os.path.abspath(raster_path),
        "code": text["properties"]["proj:code"] == (epsg and f"EPSG:{epsg}"),
        "transform": text["properties"]["proj:transform"] == transform,
        "shape": text["properties"]["proj:shape"] == list(wanted.shape[1:]),
    }
    if epsg is not None:
        loaded = odc.stac.load([item])
        bands = [loaded[name].values[0] for name in loaded.data_vars]
        verdict["odc"] = same(bands, wanted)
        verdict["odcTransform"] = bool(
            numpy.allclose(list(loaded.odc.geobox.transform)[:6], transform, rtol=1e-12)
        )
    # STACIT has no compatible asset in an item of a raster whose rows go up.
    if epsg is not None and transform[4] < 0:
        os.chdir(os.path.dirname(item_path))
        try:
            with rasterio.open(f'STACIT:"{os.path.basename(item_path)}"') as stacit:
                verdict["stacit"] = same(stacit.read(), wanted)
                verdict["stacitTransform"] = bool(
                    numpy.allclose(list(stacit.transform)[:6], transform, rtol=1e-12)
                )
        except rasterio.errors.RasterioIOError as error:
            verdict["stacit"] = str(error)
    print(json.dumps(verdict))
