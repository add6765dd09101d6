"""
What a reader that knows nothing of GDAL makes of tiles: `readers_judge.py READER`, which is pillow, tifffile, or tifffile-alone (without
imagecodecs); its input is a list of [tile, dtype, bands, file of the samples, width, height], and it answers right, wrong or an error for each.
"""

import json
import sys

reader = sys.argv[1]
if reader == "tifffile-alone":
    sys.modules["imagecodecs"] = None

import numpy

if reader == "pillow":
    from PIL import Image

    def read(path):
        with Image.open(path) as image:
            return numpy.asarray(image)
else:
    import tifffile

    read = tifffile.imread


def verdict(path, dtype, bands, samples, width, height):
    expected = numpy.fromfile(samples, dtype).reshape((height, width, bands) if bands > 1 else (height, width))
    try:
        found = read(path)
    except Exception as error:
        return f"error: {type(error).__name__}"
    if found.ndim == 3 and found.shape[0] == bands:
        found = numpy.moveaxis(found, 0, 2)
    # Pillow has 16 bits with a sign, and 32 without one, in 32 bits with one, in which the latter keep their bits.
    found = found.astype(expected.dtype) if found.dtype == numpy.int32 else found
    same = found.shape == expected.shape and bool((found == expected).all())
    return "right" if same else "wrong"


print(json.dumps([verdict(*each) for each in json.load(sys.stdin)]))
