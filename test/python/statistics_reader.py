"""Asks for statistics of every band of a mosaic, as viewers and notebooks do, and closes it.

    python3 statistics_reader.py gdal|rasterio MOSAIC
"""
import sys

library, path = sys.argv[1:]
if library == "gdal":
    from osgeo import gdal

    gdal.UseExceptions()
    dataset = gdal.Open(path)
    for number in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(number)
        # The second is how QGIS asks.
        for approximate in (0, 1):
            print(band.GetStatistics(approximate, 1))
    dataset = None
else:
    import rasterio

    with rasterio.open(path) as dataset:
        for number in dataset.indexes:
            for approximate in (False, True):
                print(dataset.statistics(number, approx=approximate))
