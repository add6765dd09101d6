"""Reads a mosaic with GDAL while somebody replaces it. GDAL opens tiles when a window needs them, and takes no lock.

    python3 gdal_overwrite_reader.py MOSAIC

Each line on standard input is one pass: open the index, read windows of it one by one, close it. Each pass answers with one
line of JSON: the values that it saw, or the error.
"""
import json
import sys
from osgeo import gdal

gdal.UseExceptions()
path = sys.argv[1]
windows = [(0, 0, 20, 20), (50, 10, 14, 40), (0, 48, 64, 16), (30, 30, 3, 3), (0, 0, 64, 64)]


def read_pass(command):
    dataset = gdal.Open(path)
    if command == "open":
        print(json.dumps({"opened": True}), flush=True)
        sys.stdin.readline()
    band = dataset.GetRasterBand(1)
    values = set()
    for window in windows:
        values.update(band.ReadAsArray(*window).flatten().tolist())
    for level in range(band.GetOverviewCount()):
        values.update(band.GetOverview(level).ReadAsArray().flatten().tolist())
    return {"values": sorted(values)}


while True:
    line = sys.stdin.readline().strip()
    if line == "":
        break
    try:
        answer = read_pass(line)
    except RuntimeError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
