"""Reads the overviews of a mosaic's bands with GDAL, as JSON: of each its width, height and pixels (not-a-number as null).

    python3 read_overviews.py MOSAIC
"""
import json
import sys
from osgeo import gdal

gdal.UseExceptions()
dataset = gdal.Open(sys.argv[1])
bands = []
for number in range(1, dataset.RasterCount + 1):
    band = dataset.GetRasterBand(number)
    overviews = []
    for level in range(band.GetOverviewCount()):
        pixels = band.GetOverview(level).ReadAsArray()
        overviews.append([pixels.shape[1], pixels.shape[0], pixels.flatten().tolist()])
    bands.append(overviews)
# What a program that knows nothing of overviews gets when it asks for a small picture.
factor = 4
size = (dataset.RasterXSize // factor, dataset.RasterYSize // factor)
small = dataset.GetRasterBand(1).ReadAsArray(0, 0, size[0] * factor, size[1] * factor, *size)
json.dump({"bands": bands, "small": [*size, small.flatten().tolist()]}, sys.stdout)
