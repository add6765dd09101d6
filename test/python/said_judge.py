"""
GeoTIFFs with random combinations of what files say, and what GDAL says of source and mosaic. `said_judge.py SEED` answers a line
for each line of its input, a list: `["make", DIR, FIRST, END, KIND]` makes files, of the kind "tif", or "src.vrt" for VRTs of such
files, and `["judge", DIR, {NAME: notCarried}, KIND]` gives the differences that no line of `notCarried` tells.
"""

import json
import os
import random
import re
import signal
import sys

import numpy
from osgeo import gdal, osr

gdal.UseExceptions()
osr.UseExceptions()
gdal.PushErrorHandler("CPLQuietErrorHandler")

SEED = sys.argv[1]
WIDTH, HEIGHT = 40, 36
INTEGERS = [gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16, gdal.GDT_UInt32, gdal.GDT_Int32]
WIDE = [gdal.GDT_Int64, gdal.GDT_UInt64]
FLOATS = [gdal.GDT_Float32, gdal.GDT_Float64]
TYPES = [gdal.GDT_Byte, *INTEGERS, *WIDE, *FLOATS, *FLOATS]
CRS = [
    "EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:2225+6360", "EPSG:3035", "EPSG:31370", "EPSG:4269", "ESRI:54009", "ESRI:102003",
    "EPSG:4979", "EPSG:9000", "ESRI:54030", "+proj=utm +zone=33 +datum=WGS84 +units=us-ft", "+proj=laea +lat_0=52 +lon_0=10 +R=6371228",
    "EPSG:4978", "EPSG:27200", "EPSG:27572", "EPSG:5514", "EPSG:8857", "EPSG:32633+5773", "EPSG:2056+5728", "ESRI:102100", "ESRI:54035",
    "ESRI:102718", "IAU:49900", "+proj=ob_tran +o_proj=longlat +lon_0=20 +o_lon_p=0 +o_lat_p=40 +R=6371229 +no_defs",
    "+proj=geos +h=35785831 +lon_0=0 +ellps=WGS84 +units=m", "+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +datum=NAD83",
    'LOCAL_CS["a plan",UNIT["metre",1]]', "+proj=lcc +lat_1=30 +lat_2=60 +lat_0=45 +lon_0=10 +ellps=intl +units=us-ft",
]
TEXTS = [
    "plain", "a & b < c > d \"e\" 'f'", "Grüße aus Köln", "two\nlines", "  spaces  ", "1 &amp; 2", "x" * 300, "]]>", "a=b", "\ttab", "-9999",
    "日本",
]
KEYS = ["own", "Own Key", "key.with-signs:1", "Ä"]
COLOURS = list(range(gdal.GCI_Undefined, gdal.GCI_YCbCr_CrBand + 1))
TAGS = {
    "TIFFTAG_DATETIME": "2019:03:01 12:30:00", "TIFFTAG_SOFTWARE": "a program", "TIFFTAG_IMAGEDESCRIPTION": "an image",
    "TIFFTAG_COPYRIGHT": "(c) somebody", "TIFFTAG_ARTIST": "nobody", "TIFFTAG_DOCUMENTNAME": "a name", "TIFFTAG_HOSTCOMPUTER": "none",
    "TIFFTAG_XRESOLUTION": "300", "TIFFTAG_YRESOLUTION": "72.5", "TIFFTAG_RESOLUTIONUNIT": "2", "TIFFTAG_MINSAMPLEVALUE": "3",
    "TIFFTAG_MAXSAMPLEVALUE": "200",
}
RPC = {
    "LINE_OFF": "18", "SAMP_OFF": "20", "LAT_OFF": "45.25", "LONG_OFF": "10.5", "HEIGHT_OFF": "100", "LINE_SCALE": "18",
    "SAMP_SCALE": "20", "LAT_SCALE": "0.1", "LONG_SCALE": "0.1", "HEIGHT_SCALE": "500",
    **{name: " ".join(["0.000123456789"] * 20) for name in ("LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF")},
}


def maybe(chance=0.3):
    return random.random() < chance


def srs_of(name):
    srs = osr.SpatialReference()
    srs.SetFromUserInput(name)
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    if name == "EPSG:9000" and maybe(0.7):
        srs.SetCoordinateEpoch(2020.5)
    return srs


def place(dataset, options):
    kind = random.choice(["none", "north", "north", "south", "rotated", "points", "point"])
    srs = srs_of(random.choice(CRS))
    if srs.IsGeocentric() and any("ESRI_PE" in option for option in options):
        srs = srs_of("EPSG:4326")
    if kind in ("points", "point"):
        count = 1 if kind == "point" else 4
        points = [gdal.GCP(10 + i, 45 + i * i, i, 5.0 + i, 6.5 + 2 * i, "", str(i + 1)) for i in range(count)]
        dataset.SetGCPs(points, srs)
        return
    if kind != "none":
        dataset.SetGeoTransform({
            "north": [500000, 10, 0, 5000000, 0, -10], "south": [500000, 10, 0, 5000000, 0, 10],
            "rotated": [500000, 9, 1, 5000000, 1, -9],
        }[kind])
    if maybe(0.8):
        dataset.SetSpatialRef(srs)


def nodata_of(data_type):
    if data_type in FLOATS:
        return random.choice([-9999, -3.4e38, 0, float("nan"), -9999.9, -3.4028234663852886e38, 1e20, float("inf"), 0.1])
    if data_type == gdal.GDT_Byte:
        return random.choice([0, 7, 100, 255, -1, 300, 7.5])
    return random.choice([0, 7, 1000, -9999, 70000])


def say_nodata(band):
    if band.DataType == gdal.GDT_Int64:
        band.SetNoDataValueAsInt64(random.choice([0, 7, -9999, -(2**63), 2**53 + 1]))
    elif band.DataType == gdal.GDT_UInt64:
        band.SetNoDataValueAsUInt64(random.choice([0, 7, 2**64 - 1, 2**53 + 1]))
    else:
        band.SetNoDataValue(nodata_of(band.DataType))


def say(dataset):
    if maybe():
        dataset.SetMetadataItem(random.choice(KEYS), random.choice(TEXTS))
    for tag, text in TAGS.items():
        if maybe(0.1):
            dataset.SetMetadataItem(tag, text)
    if maybe():
        dataset.SetMetadataItem(random.choice(KEYS), random.choice(TEXTS), random.choice(["IMAGERY", "A domain", "GEOLOCATION"]))
    if maybe(0.15):
        dataset.SetMetadata(["<a><b c=\"d\">x &amp; y</b></a>"], "xml:FOO")
    if maybe(0.1):
        dataset.SetMetadata(['{"a": ["b", 1]}'], "json:BAR")
    if maybe(0.15):
        dataset.SetMetadata(RPC, "RPC")
    if maybe():
        dataset.SetMetadataItem("AREA_OR_POINT", random.choice(["Area", "Point"]))
    if maybe():
        say_nodata(dataset.GetRasterBand(1))
    for number in range(1, dataset.RasterCount + 1):
        say_of_band(dataset.GetRasterBand(number))


def say_of_band(band):
    if maybe():
        band.SetDescription(random.choice(TEXTS[:3]))
    if maybe():
        band.SetUnitType(random.choice(["m", "K", "°C", "a & b"]))
    if maybe():
        band.SetScale(random.choice([0.1, 1e-10, 1 / 3, -1]))
    if maybe():
        band.SetOffset(random.choice([-273.15, 1e10, 1e-300]))
    if maybe():
        band.SetMetadataItem(random.choice(KEYS), random.choice(TEXTS))
    if maybe(0.2):
        band.SetMetadataItem("item", random.choice(TEXTS), "SPECTRAL")
    if maybe(0.15):
        band.SetMetadataItem("STATISTICS_MEAN", "3")
    if maybe(0.1):
        band.SetCategoryNames(["one", "two & three", ""])
    if maybe(0.05):
        band.SetDefaultHistogram(0.5, 2.5, [3, 4])
    if maybe(0.1):
        table = gdal.RasterAttributeTable()
        table.CreateColumn("Value", gdal.GFT_Integer, gdal.GFU_MinMax)
        table.CreateColumn("Name", gdal.GFT_String, gdal.GFU_Name)
        table.CreateColumn("Share", gdal.GFT_Real, gdal.GFU_Generic)
        table.SetRowCount(2)
        table.SetValueAsString(0, 1, "a & b")
        table.SetValueAsDouble(1, 2, 1 / 3)
        band.SetDefaultRAT(table)


def layout_of(data_type, bands):
    """Creation options that say how samples lie in the file; none of them changes a sample."""
    compressions = ["NONE", "DEFLATE", "LZW", "PACKBITS", "ZSTD"]
    if data_type not in WIDE:
        compressions += ["LERC", "LERC_DEFLATE", "LERC_ZSTD"]
    compression = random.choice(compressions)
    options = [f"INTERLEAVE={random.choice(['PIXEL', 'BAND'])}", f"COMPRESS={compression}"]
    if compression in ("DEFLATE", "LZW", "ZSTD") and maybe():
        options.append(f"PREDICTOR={3 if data_type in FLOATS and maybe(0.5) else 2}")
    elif compression in ("NONE", "DEFLATE", "LZW") and maybe(0.2):
        bits = {gdal.GDT_Byte: random.randint(1, 7), gdal.GDT_UInt16: random.randint(9, 15), gdal.GDT_Float32: 16}
        if data_type in bits:
            options.append(f"NBITS={bits[data_type]}")
    options += random.choice([[], ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"], [f"BLOCKYSIZE={random.randint(1, 40)}"]])
    for option, chance in {
        "PROFILE=BASELINE": 0.1, "PROFILE=GeoTIFF": 0.1, "TFW=YES": 0.1, "RPB=YES": 0.1, "RPCTXT=YES": 0.1, "BIGTIFF=YES": 0.1,
        "ENDIANNESS=BIG": 0.1, "SPARSE_OK=YES": 0.1, "GEOTIFF_VERSION=1.0": 0.1, "GEOTIFF_VERSION=1.1": 0.1,
        "GEOTIFF_KEYS_FLAVOR=ESRI_PE": 0.1, "SOURCE_ICC_PROFILE=AAAAAAAA": 0.1,
    }.items():
        if maybe(chance) and not any(given.startswith(option.split("=")[0]) for given in options):
            options.append(option)
    if bands > 1 and maybe(0.2):
        options.append(f"ALPHA={random.choice(['YES', 'PREMULTIPLIED', 'NO'])}")
    if bands >= 3 and data_type in (gdal.GDT_Byte, gdal.GDT_UInt16) and maybe(0.5):
        options.append(f"PHOTOMETRIC={random.choice(['RGB', 'RGB', 'CMYK' if bands == 4 else 'RGB'])}")
    elif bands == 1 and maybe(0.1):
        options.append("PHOTOMETRIC=MINISWHITE")
    return options


def make_file(path, number):
    data_type = random.choice(TYPES)
    bands = random.choice([1, 1, 1, 2, 3, 4, 5])
    options = layout_of(data_type, bands)
    named = any(option.startswith(("PHOTOMETRIC", "ALPHA")) for option in options)
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", random.choice(["YES", "NO"]))
    dataset = gdal.GetDriverByName("GTiff").Create(path, WIDTH, HEIGHT, bands, data_type, options)
    is_plain = not named and not any("NBITS" in option for option in options)
    if is_plain and data_type in (gdal.GDT_Byte, gdal.GDT_UInt16) and bands == 1 and maybe():
        table = gdal.ColorTable()
        for entry in range(random.choice([3, 256])):
            table.SetColorEntry(entry, (entry, 255 - entry, (7 * entry) % 256, 255))
        dataset.GetRasterBand(1).SetColorTable(table)
    elif maybe() and not named:
        for band in range(bands):
            dataset.GetRasterBand(band + 1).SetColorInterpretation(random.choice(COLOURS))
    place(dataset, options)
    say(dataset)
    largest = 2 if "NBITS=1" in options else 200
    values = numpy.random.default_rng(number).integers(0, largest, (bands, HEIGHT, WIDTH))
    for band in range(bands):
        dataset.GetRasterBand(band + 1).WriteArray(values[band])
    if maybe(0.25):
        dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
        dataset.GetRasterBand(1).GetMaskBand().WriteArray(((values[0] > 60) * 255).astype("uint8"))
    dataset = None
    kind = random.random()
    # GDAL 3.6 does not end with overviews of 64-bit integers.
    if kind < 0.15 and data_type not in WIDE:
        dataset = gdal.Open(path, gdal.GA_Update if maybe(0.5) else gdal.GA_ReadOnly)
        try:
            dataset.BuildOverviews("NEAREST", [2, 4])
        except RuntimeError:
            # GDAL 3.6 makes none of LERC with alpha that it could read.
            pass
        dataset = None
    elif kind < 0.2:
        dataset = gdal.GetDriverByName("GTiff").Create(path, 8, 8, 1, gdal.GDT_Byte, ["APPEND_SUBDATASET=YES"])
        dataset = None


def make_vrt(path, made, number):
    """A VRT of some of the files, as people make them: of one with other words, or of several on one grid."""
    dataset = gdal.Open(made)
    # GDAL 3.6 writes nodata of 64-bit integers with an exponent, which it reads as its first digit, and gives 0 where a source of
    # such samples has its nodata.
    is_wide = dataset.GetRasterBand(1).DataType in WIDE
    bands = list(range(1, dataset.RasterCount + 1))
    options = {"format": "VRT"}
    if maybe(0.3):
        options["bandList"] = random.choice([bands[::-1], bands[:1], bands + ["mask"]])
    if maybe(0.2):
        options["maskBand"] = random.choice([1, "none", "mask,1", f"mask,{bands[-1]}"])
    if maybe(0.2):
        options["srcWin"] = [3, 5, 30, 20]
    if is_wide or maybe(0.2):
        options["noData"] = "none" if is_wide else random.choice([0, 7, "none"])
    if maybe(0.1):
        options["outputType"] = random.choice([gdal.GDT_Float64, gdal.GDT_Byte, gdal.GDT_Int16])
    if not is_wide and maybe(0.2) and dataset.GetGeoTransform(can_return_null=True) and dataset.GetGeoTransform()[2] == 0:
        try:
            gdal.BuildVRT(path, [made], addAlpha=maybe(0.2), separate=maybe(0.2))
            return
        except RuntimeError:
            pass
    gdal.Translate(path, dataset, **options)


# How samples lie in a file, what GDAL makes of any file, and what only a mosaic has.
OF_THE_FILE = {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "HOLDFAST", "xml:VRT"}


def domains_of(thing):
    said = {}
    for domain in thing.GetMetadataDomainList() or []:
        if domain in OF_THE_FILE:
            continue
        items = thing.GetMetadata_List(domain) if domain.startswith(("xml:", "json:")) else thing.GetMetadata(domain)
        if isinstance(items, dict):
            # Lists of a text beside the file end with a blank.
            items = {key: text.strip() for key, text in items.items()} if domain == "RPC" else items
            items = {key: text for key, text in items.items() if not key.startswith("STATISTICS_")}
        elif items:
            items = "".join("".join(items).split())
            # GDAL cuts JSON in a GeoTIFF in two at its first colon.
            items = items.replace("=", ":", 1) if domain.startswith("json:") else items
        if items:
            said[domain] = items
    # A mosaic says "area" where a file says nothing, or the other way round: they mean the same.
    if said.get("", {}).get("AREA_OR_POINT") == "Area":
        del said[""]["AREA_OR_POINT"]
    # It says by which of its readers GDAL read a sidecar.
    said.get("", {}).pop("METADATATYPE", None)
    return {domain: items for domain, items in said.items() if items}


def table_of(table):
    if table is None:
        return None
    rows, columns = table.GetRowCount(), table.GetColumnCount()
    kinds = [(table.GetNameOfCol(c), table.GetTypeOfCol(c), table.GetUsageOfCol(c)) for c in range(columns)]
    return kinds + [table.GetValueAsString(r, c) for r in range(rows) for c in range(columns)]


def nodata_in(band):
    # That of half floats GDAL does not round.
    value = band.GetNoDataValue()
    return float(numpy.float32(value)) if value is not None and band.DataType == gdal.GDT_Float32 else value


def said_of(dataset):
    said = {"size": [dataset.RasterXSize, dataset.RasterYSize, dataset.RasterCount], "metadata": domains_of(dataset)}
    said["transform"] = dataset.GetGeoTransform(can_return_null=True)
    said["gcps"] = [(p.GCPX, p.GCPY, p.GCPZ, p.GCPPixel, p.GCPLine, p.Id, p.Info) for p in dataset.GetGCPs()]
    for number in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(number)
        colours = band.GetColorTable()
        colour = gdal.GetColorInterpretationName(band.GetColorInterpretation())
        histogram = band.GetDefaultHistogram(force=0)
        said[f"band {number}"] = {
            "type": gdal.GetDataTypeName(band.DataType),
            "checksum": band.Checksum(),
            "nodata": repr(nodata_in(band)),
            "unit": band.GetUnitType(),
            "scale": 1.0 if band.GetScale() is None else band.GetScale(),
            "offset": 0.0 if band.GetOffset() is None else band.GetOffset(),
            "description": band.GetDescription(),
            # A band that has colours and no other word for them is a palette in a mosaic.
            "colour": "Palette" if colours and colour == "Undefined" else colour,
            "colours": colours and [colours.GetColorEntry(i) for i in range(colours.GetCount())],
            "categories": band.GetCategoryNames() or None,
            "attributes": table_of(band.GetDefaultRAT()),
            "histogram": histogram and list(histogram),
            "kind of mask": band.GetMaskFlags(),
            "mask": band.GetMaskBand().Checksum(),
            "metadata": domains_of(band),
        }
    return said


def is_same_crs(a, b):
    # Keys that say nothing but "area" are a local system without a name for GDAL.
    a, b = (None if each is not None and each.IsLocal() and each.GetName() == "unnamed" else each for each in (a, b))
    if a is None or b is None:
        return a is None and b is None
    options = ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES", "IGNORE_COORDINATE_EPOCH=YES"]
    # Beside Esri's text GDAL does not look for the epoch.
    return a.IsSame(b, options) and a.GetCoordinateEpoch() in (0, b.GetCoordinateEpoch())


def differences(a, b, where=""):
    if isinstance(a, dict) or isinstance(b, dict):
        a, b = a or {}, b or {}
        for key in sorted({*a, *b}, key=str):
            yield from differences(a.get(key), b.get(key), f"{where}/{key}")
    elif a != b:
        yield where, f"{str(a)[:80]!r} and {str(b)[:80]!r}"


def found_of(path, kind):
    """What GDAL says of the source and not of the mosaic, or the other way round."""
    source, mosaic = (gdal.Open(f"{path}.{end}") for end in (kind, "vrt"))
    tile = gdal.Open(f"{path}_tiles/tile_00_00.tif")
    a, b = said_of(source), said_of(mosaic)
    # Of a file that a sidecar places GDAL does not say that its pixels are points, though it counts them so.
    if "AREA_OR_POINT" not in a["metadata"].get("", {}) and a["transform"] == b["transform"]:
        b["metadata"].get("", {}).pop("AREA_OR_POINT", None)
    yield from differences(a, b)
    for name, a, b in [
        ("/crs of the index", source.GetSpatialRef(), mosaic.GetSpatialRef()),
        ("/crs of the points", source.GetGCPSpatialRef(), mosaic.GetGCPSpatialRef()),
        ("/crs of the tiles", source.GetSpatialRef(), tile.GetSpatialRef()),
    ]:
        if not is_same_crs(a, b):
            yield name, f"{a and a.GetName()} {a and a.GetCoordinateEpoch()} and {b and b.GetName()} {b and b.GetCoordinateEpoch()}"


# Which line of `notCarried`, as "what @ where", tells which difference.
TELLS = [
    (r"/crs of the index", r"the CRS @ the index|the vertical system \d+ @ the index"),
    (r"/crs of the points", r"the CRS @ the index|the vertical system \d+ @ the index|the epoch of the coordinates @ .*"),
    (r"/crs of the tiles", r"the CRS @ the tiles"),
    (r"/metadata/SUBDATASETS/.*", r"\d+ further images @ the file"),
    (r"/band \d+/histogram", r"Histograms @ .*\.aux\.xml"),
    (r"/band \d+/(nodata|kind of mask)", r"nodata .*"),
    (r"/band 1/colours?", r"white is zero @ .*"),
    (r"/band \d+/mask", r"values between 0 and 255 @ the mask"),
    (r"/band \d+/(checksum|colour|mask|kind of mask)", r"a picture of inks @ .*"),
]


def is_told(difference, told):
    lines = [f"{each['what']} @ {each['where']}" for each in told]
    return any(re.fullmatch(what, difference) and any(re.fullmatch(line, each) for each in lines) for what, line in TELLS)


def make(folder, first, end, kind):
    for number in range(first, end):
        random.seed(f"{SEED}-{number}")
        path = os.path.join(folder, f"{number:04}.tif")
        make_file(path, number)
        if kind == "src.vrt":
            make_vrt(os.path.join(folder, f"{number:04}.{kind}"), path, number)
    return []


def judge(folder, told, kind):
    return [
        f"{name}{where}: {what}, {[each['what'] for each in told[name]]}"
        for name in sorted(told)
        for where, what in found_of(os.path.join(folder, name), kind)
        if not is_told(where, told[name])
    ]


for line in sys.stdin:
    order, *rest = json.loads(line)
    # What GDAL cannot end is no longer waited for.
    signal.alarm(300)
    print(json.dumps({"make": make, "judge": judge}[order](*rest)), flush=True)
