"""GDAL's overviews, to be held against ours.

cases: prints JSON, for small rasters of several types and sizes, with holes and without: type, nodata, size, samples, and for
    each method and factor the overview's size and samples.
gdaladdo RAW OUT WIDTH HEIGHT NODATA: writes a raster of int16 samples, with means by 2, 4 and 8, each of the one before.
"""

import json
import sys

import numpy
from osgeo import gdal

gdal.UseExceptions()
METHODS = ["nearest", "average", "rms", "mode", "bilinear", "cubic", "gauss"]
SIZES = [(64, 64), (65, 63), (37, 101)]
FACTORS = [2, 3, 4, 8]
TYPES = {
    "uint8": (gdal.GDT_Byte, 0, 255),
    "uint16": (gdal.GDT_UInt16, 0, 65535),
    "int16": (gdal.GDT_Int16, -32768, 32767),
    "float32": (gdal.GDT_Float32, -1000, 1000),
}



def cases():
    random = numpy.random.default_rng(20261129)
    for name, (kind, least, most) in TYPES.items():
        for width, height in SIZES:
            for nodata in (None, 7):
                if name == "float32":
                    samples = random.uniform(least, most, (height, width)).astype(name)
                else:
                    samples = random.integers(least, most, (height, width), endpoint=True).astype(name)
                # Classes on one side, so that a mode has something to count.
                samples[:, : width // 3] = random.integers(0, 9, (height, width // 3))
                # Holes: single pixels everywhere, and a lake.
                samples[random.random((height, width)) < 0.1] = 7
                samples[20:44, 5:30] = 7
                made = [made_by(method, factor, samples, kind, nodata) for method in METHODS for factor in FACTORS]
                yield {
                    "type": name,
                    "nodata": nodata,
                    "width": width,
                    "height": height,
                    "samples": samples.ravel().tolist(),
                    "made": made,
                }


def made_by(method, factor, samples, kind, nodata):
    write("/vsimem/case.tif", samples, kind, nodata)
    dataset = gdal.Open("/vsimem/case.tif", gdal.GA_Update)
    dataset.BuildOverviews(method.upper(), [factor])
    raw = dataset.GetRasterBand(1).GetOverview(0).ReadAsArray()
    return [method, factor, raw.shape[1], raw.shape[0], raw.ravel().tolist()]


def write(path, samples, kind, nodata):
    height, width = samples.shape
    dataset = gdal.GetDriverByName("GTiff").Create(path, width, height, 1, kind)
    band = dataset.GetRasterBand(1)
    if nodata is not None:
        band.SetNoDataValue(nodata)
    band.WriteArray(samples)


if sys.argv[1] == "cases":
    print(json.dumps(list(cases())))
else:
    raw, out, width, height, nodata = sys.argv[2:]
    write(out, numpy.fromfile(raw, "int16").reshape(int(height), int(width)), gdal.GDT_Int16, float(nodata))
    gdal.Open(out, gdal.GA_Update).BuildOverviews("AVERAGE", [2, 4, 8])
