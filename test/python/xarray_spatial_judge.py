"""Reads rasters with xarray-spatial, or writes them: what to do is the JSON list in the first argument.

Samples go through raw little-endian files; the answer is one line of JSON, a list.
"""

import json
import sys
import warnings

import numpy
import xarray
from xrspatial.geotiff import open_geotiff, to_geotiff

warnings.simplefilter("ignore")


def read(job):
    array = open_geotiff(job["path"])
    values = numpy.ascontiguousarray(array.values)
    values.astype(values.dtype.newbyteorder("<")).tofile(job["raw"])
    crs = array.attrs.get("crs")
    transform = array.attrs.get("transform")
    return {
        "dtype": str(values.dtype),
        "shape": values.shape,
        "crs": None if crs is None else int(crs),
        "transform": None if transform is None else [float(number) for number in transform],
    }


def write(job):
    height, width = job["shape"]
    values = numpy.fromfile(job["raw"], dtype=job["dtype"]).reshape(height, width)
    x, dx, _, y, _, dy = job["transform"]
    coordinates = {
        "x": x + (numpy.arange(width) + 0.5) * dx,
        "y": y + (numpy.arange(height) + 0.5) * dy,
    }
    array = xarray.DataArray(values, dims=("y", "x"), coords=coordinates)
    if job.get("chunks"):
        array = array.chunk(dict(zip(("y", "x"), job["chunks"])))
    to_geotiff(
        array,
        job["path"],
        crs=job["crs"],
        compression=job["compression"],
        tile_size=job["tileSizePx"],
    )
    return {}


jobs = json.loads(sys.argv[1])
print(json.dumps([{"read": read, "write": write}[job["do"]](job) for job in jobs]))
