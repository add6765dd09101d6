"""Reads windows of a raster with rasterio: the path and the windows (JSON) are the arguments.

Samples go to standard output, window after window, band after band, little-endian.
"""

import json
import sys

import rasterio
from rasterio.windows import Window

with rasterio.open(sys.argv[1]) as raster:
    for x, y, width, height in json.loads(sys.argv[2]):
        values = raster.read(window=Window(x, y, width, height))
        sys.stdout.buffer.write(values.astype(values.dtype.newbyteorder("<")).tobytes())
