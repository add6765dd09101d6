"""Prints points of EPSG's systems as PROJ has them: code, longitude and latitude on the datum of the system, x and y.

Every fortieth code, for what is to be found is what a method or a unit does; and those that are met most.
"""

import json
import math
import warnings

warnings.filterwarnings("ignore")

from pyproj import CRS, Transformer
from pyproj.database import query_crs_info
from pyproj.enums import PJType

types = [PJType.PROJECTED_CRS, PJType.GEOGRAPHIC_2D_CRS]
codes = sorted(int(info.code) for info in query_crs_info("EPSG", types, allow_deprecated=True))
often = {2056, 2154, 2193, 2263, 3031, 3035, 3413, 3857, 3995, 4326, 4807, 6933, 27572, 27700, 28992, 31370, 32633}
points = []
for code in codes:
    if code % 40 != 0 and code not in often:
        continue
    try:
        crs = CRS.from_epsg(code)
        base = crs.geodetic_crs
        degrees = base.axis_info[0].unit_conversion_factor * 180 / math.pi
        meridian = crs.prime_meridian.longitude * crs.prime_meridian.unit_conversion_factor * 180 / math.pi
        transformer = Transformer.from_crs(base, crs, always_xy=True)
        area = crs.area_of_use
        width = (area.east - area.west) % 360 or 360
        for along, up in ((0.5, 0.5), (0.2, 0.8)):
            longitude = (area.west + width * along + 180) % 360 - 180
            latitude = area.south + (area.north - area.south) * up
            x, y = transformer.transform((longitude - meridian) / degrees, latitude / degrees)
            if math.isfinite(x) and math.isfinite(y):
                points.append((code, longitude, latitude, x, y))
    except Exception:
        # Some have no area, or no way that PROJ knows.
        continue
print(json.dumps(points))
