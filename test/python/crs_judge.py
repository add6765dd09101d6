"""
GeoTIFFs of many coordinate reference systems (make DIR), and whether index and tiles say the same ones (judge DIR). GeoKeys of EPSG's
codes in all their roles, a line each (keys STEP: one of so many of the usual ones); and which of these GDAL takes for another system than a
text, and no line of `notCarried` tells it (compare; of its input each line has `keys`, `srs` and `told`).
"""

import glob
import json
import os
import sqlite3
import struct
import sys

from osgeo import gdal, osr

gdal.UseExceptions()
osr.UseExceptions()

EPSG = """32633 4326 3857 2056 3375 5514 27200 27572 6933 8857 4979 7912 26910 2225 4269 4258 31370 28992 3035 3031 3413
3995 5070 6350 2154 25832 2193 4283 7844 3577 4807 9000 4978 7415 5555 4326+5773 2225+6360 25832+7837 3035+5730"""
ESRI = """54030 54034 54032 54008 54009 54052 54012 54016 54042 54029 54035 102001 102003 102008 102039 102017 102020
102025 102718 102100 104905"""
OTHERS = """IAU_2015:30100
IAU_2015:49910
IAU_2015:49900
+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +datum=NAD83
+proj=ortho +lat_0=40 +lon_0=10 +datum=WGS84
+proj=laea +lat_0=52 +lon_0=10 +a=6371228 +b=6371228
+proj=lcc +lat_1=30 +lat_2=60 +lat_0=40 +lon_0=-97 +R=6370000
+proj=sinu +R=6371007.181
+proj=geos +h=35785831 +lon_0=0 +ellps=GRS80
+proj=omerc +lat_0=40 +lonc=10 +alpha=30 +gamma=30 +k=1 +x_0=0 +y_0=0 +datum=WGS84
+proj=omerc +no_uoff +lat_0=4 +lonc=102.25 +alpha=323.0257905 +gamma=323.1301023611111 +k=0.99984 +ellps=evrst30
+proj=vandg +lon_0=0 +datum=WGS84
+proj=eqdc +lat_0=39 +lon_0=-96 +lat_1=33 +lat_2=45 +datum=NAD83
+proj=gnom +lat_0=40 +lon_0=10 +datum=WGS84
+proj=tmerc +axis=wsu +lat_0=0 +lon_0=29 +k=1 +ellps=WGS84
+proj=nzmg +lat_0=-41 +lon_0=173 +x_0=2510000 +y_0=6023150 +ellps=intl
+proj=utm +zone=33 +datum=WGS84 +units=us-ft
+proj=longlat +ellps=bessel
+proj=longlat +datum=NAD27
+proj=merc +lat_ts=20 +datum=WGS84
+proj=tmerc +lat_0=0 +lon_0=15 +k=0.9996 +x_0=500000 +ellps=bessel +units=ft
+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18"""
NAMES = (
    [f"EPSG:{code}" for code in EPSG.split()]
    + [f"ESRI:{code}" for code in ESRI.split()]
    + OTHERS.split("\n")
)
# GDAL 3.6 has no keys for these; the sidecar that it writes for them is what the index says.
WITHOUT_KEYS = {"ESRI:54035", OTHERS.split("\n")[-1]}
# Keys that GDAL writes to no file: a code whose unit they change (3076 or 3077, 2054), and conversions by their code (3074).
PROJECTED = {1024: 1, 1025: 1}
KEYS = [
    *({**PROJECTED, 3072: code, 3076: unit} for code, unit in [
        (2225, 9001), (2225, 9002), (2154, 9002), (3035, 9003), (31370, 9002), (28992, 9002), (27700, 9002), (2056, 9002), (3413, 9003),
        (5070, 9003), (2193, 9002), (26729, 9001), (26910, 9003), (32633, 9036), (3577, 9002), (32118, 9003), (2263, 9001), (31467, 9002),
        (2180, 9002), (27200, 9002), (3375, 9002), (3006, 9002), (6933, 9002), (2222, 9001), (25832, 9002), (32633, 9001), (2225, 9003),
    ]),
    {**PROJECTED, 3072: 32633, 3076: 32767, 3077: 1000.0},
    {**PROJECTED, 3072: 2154, 3076: 32767, 3077: 0.5},
    {**PROJECTED, 3072: 32633, 2054: 9105, 3076: 9001},
    # Methods that GeoTIFF has no keys for, from Paris and in grads, and a zone in metres that another in feet has replaced.
    *({**PROJECTED, 3072: code, 3076: 9002} for code in (5514, 5513, 3857, 8857, 8859, 27572, 31300, 8441, 3295, 6202)), {**PROJECTED, 3072: 26814},
    # Grads as degrees, a prime meridian by its code, a code that GDAL takes for another one, datums and ellipsoids by their codes.
    {1024: 2, 1025: 1, 2048: 4807, 2054: 9102}, {1024: 2, 1025: 1, 2048: 32767, 2050: 6326, 2051: 8903, 2054: 9102}, {1024: 2, 1025: 1, 2048: 4291},
    {1024: 2, 1025: 1, 2048: 32767, 2050: 1024, 2054: 9102}, {1024: 2, 1025: 1, 2048: 32767, 2050: 32767, 2056: 7005, 2054: 9102},
    # Another ellipsoid or meridian beside a code, and angles of a projection, which are degrees, on a system in grads.
    {1024: 2, 1025: 1, 2048: 4269, 2056: 7004, 2054: 9102}, {1024: 2, 1025: 1, 2048: 4269, 2051: 8903}, {1024: 2, 1025: 1, 2048: 4269, 2057: 6371000.0, 2058: 6371000.0},
    {**PROJECTED, 2048: 4807, 3072: 32767, 3075: 9, 3076: 9001, 3080: 10.0, 3081: 46.8, 3092: 0.9998, 3082: 600000.0, 3083: 2200000.0},
    {**PROJECTED, 2048: 4267, 3072: 32767, 3075: 22, 3076: 9001, 3080: 10.0, 3081: 20.0, 3092: 0.9996},
    {**PROJECTED, 2048: 4326, 3072: 32767, 3075: 10, 3076: 9001, 3088: 30.0, 3089: -90.0}, {**PROJECTED, 2048: 4267, 3072: 32767, 3074: 17299, 3076: 9003},
    *({1024: 2, 1025: 1, 2048: code, 2054: unit} for code, unit in [(4326, 9101), (4326, 9105), (4326, 9102), (4269, 9104)]),
    # State plane zones of 1927 and 1983, UTM, and further conversions, on the datum of the keys.
    *({**PROJECTED, 2048: datum, 3072: 32767, 3074: code, **unit} for code, datum, unit in [
        (10401, 4267, {3076: 9003}), (10401, 4267, {}), (10431, 4269, {3076: 9001}), (10431, 4269, {3076: 9003}), (10431, 4269, {}),
        (14831, 4269, {3076: 9003}), (10101, 4267, {3076: 9003}), (15031, 4269, {3076: 9001}), (15040, 4269, {3076: 9003}),
        (12111, 4267, {3076: 9003}), (13200, 4267, {3076: 9003}), (13230, 4269, {3076: 9001}), (15001, 4267, {3076: 9003}),
        (10408, 4267, {3076: 9003}), (10431, 4326, {3076: 9001}), (18085, 4171, {3076: 9001}), (19916, 4277, {3076: 9001}),
        (16263, 4314, {3076: 9001}), (16032, 4326, {3076: 9001}), (16132, 4326, {3076: 9002}),
    ]),
]
# These are in the tiles, and told: WKT 1 has no words for them that GDAL reads again, nothing says their datum, or GDAL takes another meridian.
TOLD_KEYS = [
    {**PROJECTED, 3072: 6247, 3076: 9002}, {**PROJECTED, 3072: 2163, 3076: 9002}, {1024: 2, 1025: 1, 2048: 4807, 2054: 9101},
    {**PROJECTED, 3072: 32767, 3074: 10401, 3076: 9003}, {**PROJECTED, 3072: 32633, 3076: 12345},
]
KEYED = {str(keys): keys for keys in KEYS + TOLD_KEYS}
NAMES += list(KEYED)
TOLD = {str(keys) for keys in TOLD_KEYS}
OPTIONS = ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"]


def tiff_of_keys(keys):
    """A GeoTIFF of 16 x 16 bytes with these keys."""
    numbers = [value for value in keys.values() if isinstance(value, float)]
    shorts = [
        (key, 34736, 1, numbers.index(value)) if isinstance(value, float) else (key, 0, 1, value) for key, value in sorted(keys.items())
    ]
    directory = [1, 1, 0, len(shorts), *(each for row in shorts for each in row)]
    fields = [
        (256, "H", [16]), (257, "H", [16]), (258, "H", [8]), (259, "H", [1]), (262, "H", [1]), (273, "I", [8]), (277, "H", [1]),
        (278, "H", [16]), (279, "I", [256]), (33550, "d", [10, 10, 0]), (33922, "d", [0, 0, 0, 500000, 4000000, 0]), (34735, "H", directory),
        *([(34736, "d", numbers)] if numbers else []),
    ]
    start = 8 + 256
    values, entries = b"", b""
    for tag, kind, items in fields:
        data = struct.pack(f"<{len(items)}{kind}", *items)
        place = struct.pack("<I", start + 2 + 12 * len(fields) + 4 + len(values)) if len(data) > 4 else data.ljust(4, b"\0")
        values += data if len(data) > 4 else b""
        entries += struct.pack("<HHI", tag, {"H": 3, "I": 4, "d": 12}[kind], len(items)) + place
    return b"II*\0" + struct.pack("<I", start) + bytes(256) + struct.pack("<H", len(fields)) + entries + bytes(4) + values


def make(folder):
    for number, name in enumerate(NAMES):
        if name in KEYED:
            with open(os.path.join(folder, f"{number:02}.tif"), "wb") as file:
                file.write(tiff_of_keys(KEYED[name]))
            continue
        srs = osr.SpatialReference()
        srs.SetFromUserInput(name)
        srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        path = os.path.join(folder, f"{number:02}.tif")
        dataset = gdal.GetDriverByName("GTiff").Create(path, 16, 16, 1, gdal.GDT_Byte)
        dataset.SetGeoTransform([0, 1, 0, 0, 0, -1])
        dataset.SetSpatialRef(srs)
        dataset = None


def judge(folder):
    wrong = []
    for number, name in enumerate(NAMES):
        stem = os.path.join(folder, f"{number:02}")
        files = [f"{stem}.tif", f"{stem}.vrt", *glob.glob(f"{stem}_tiles/tile_*.tif")]
        if len(files) < 3 or not os.path.exists(files[1]):
            wrong.append(f"{name}: refused")
            continue
        datasets = [gdal.Open(path) for path in files]
        source, index, tile = (dataset.GetSpatialRef() for dataset in datasets[:3])
        if name in TOLD:
            with open(f"{stem}.told") as told:
                if index is not None or "the CRS" not in told.read():
                    wrong.append(f"{name}: not told")
        elif source is None or index is None or not source.IsSame(index, OPTIONS):
            wrong.append(f"{name}: another index")
        if name not in WITHOUT_KEYS and not (tile and source.IsSame(tile, OPTIONS)):
            wrong.append(f"{name}: other tiles")
    print("\n".join([f"{len(NAMES)} systems", *wrong]))


GEOGRAPHIC = {1024: 2, 1025: 1}
# Greenwich in degrees is the usual case.
SYSTEMS = """select code, deprecated or prime_meridian_code != '8901' from geodetic_crs join (select code as datum, prime_meridian_code from
  geodetic_datum where auth_name = 'EPSG') on datum_code = datum where auth_name = 'EPSG' and type = 'geographic 2D'"""
METHODS = """select p.code, p.deprecated or method_code not in ('9807', '9802', '9801') from projected_crs p join conversion_table c
  on conversion_code = c.code where p.auth_name = 'EPSG' and conversion_auth_name = 'EPSG' and c.auth_name = 'EPSG'"""


def keys(step):
    """One of `step` of the usual codes, and five times as many of those that are deprecated, from another meridian, or of a rarer method."""
    every = int(step)
    rows = sqlite3.connect("/usr/share/proj/proj.db").execute

    def codes(query):
        found = [(int(code), special) for code, special in rows(f"{query} order by 1") if int(code) < 32767]
        return [code for number, (code, special) in enumerate(found) if number % (max(every // 5, 1) if special else every) == 0]

    for code in codes(SYSTEMS):
        for unit in ({}, {2054: 9102}, {2054: 9105}, {2054: 9101}):
            yield {**GEOGRAPHIC, 2048: code, **unit}
        yield {**PROJECTED, 2048: code, 2054: 9102, 3072: 32767, 3074: 16033, 3076: 9001}
    for code in codes("select code, 0 from geodetic_datum where auth_name = 'EPSG'"):
        yield {**GEOGRAPHIC, 2048: 32767, 2050: code, 2054: 9102}
    for code in codes("select code, 1 from ellipsoid where auth_name = 'EPSG'"):
        yield {**GEOGRAPHIC, 2048: 32767, 2050: 32767, 2056: code, 2054: 9102}
    for code in codes("select code, 1 from prime_meridian where auth_name = 'EPSG'"):
        yield {**GEOGRAPHIC, 2048: 32767, 2050: 6326, 2051: code, 2054: 9102}
    for code in codes(METHODS):
        for unit in ({}, {3076: 9001}, {3076: 9002}):
            yield {**PROJECTED, 3072: code, **unit}
    for code in codes("select code, method_code in ('9820', '9829') from conversion_table where auth_name = 'EPSG'"):
        yield {**PROJECTED, 2048: 4267, 3072: 32767, 3074: code, 3076: 9003}


def is_told_or_same(source, srs, told):
    if source is not None and source.IsLocal() and source.GetName() == "unnamed":
        source = None
    if told or source is None:
        return True
    index = osr.SpatialReference()
    index.SetFromUserInput(srs)
    return bool(source.IsSame(index, OPTIONS))


def compare():
    """Also how many are the same, and how many are told."""
    total, count = 0, 0
    for line in sys.stdin:
        row = json.loads(line)
        gdal.FileFromMemBuffer("/vsimem/keys.tif", tiff_of_keys({int(key): value for key, value in row["keys"].items()}))
        total, count = total + 1, count + bool(row["told"])
        if not is_told_or_same(gdal.Open("/vsimem/keys.tif").GetSpatialRef(), row.get("srs"), row["told"]):
            print(row["keys"])
    print(f"{total} keys, {count} told")


order, *arguments = sys.argv[1:]
if order == "keys":
    for each in keys(*arguments):
        print(json.dumps(each))
else:
    {"make": make, "judge": judge, "compare": compare}[order](*arguments)
