"""Reads TOML and YAML documents that Holdfast has edited, and compares what they hold with what they shall hold.

document_judge.py LIST: LIST is JSON, [[path, value], …]; a scalar of a value is {"string": …}, {"number": …} and so on.
"""
import datetime
import json
import math
import sys
import tomllib

from ruamel.yaml import YAML

DATES = (datetime.date, datetime.time)


def number(text):
    return float(text.replace("Infinity", "inf"))


def is_same(value, wanted):
    if isinstance(wanted, list):
        return isinstance(value, list) and len(value) == len(wanted) and all(map(is_same, value, wanted))
    kind, content = next(iter(wanted.items()))
    if kind == "object":
        names = {str(name): member for name, member in value.items()} if isinstance(value, dict) else None
        return names is not None and names.keys() == content.keys() and all(
            is_same(names[name], content[name]) for name in content)
    if kind == "string":
        return isinstance(value, str) and value == content
    if kind == "null":
        return value is None
    if kind == "boolean":
        return value is content
    if kind == "date":
        kinds = datetime.time if content[2] == ":" else datetime.datetime if len(content) > 10 else datetime.date
        return isinstance(value, DATES) and kinds.fromisoformat(content.replace("Z", "+00:00")) == value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if content.lstrip("-").isdigit() and isinstance(value, int):
        return value == int(content)
    return number(content) == value or (math.isnan(value) and content == "NaN")


def read(path):
    if path.endswith(".toml"):
        with open(path, "rb") as file:
            text = file.read().removeprefix(b"\xef\xbb\xbf")
        return tomllib.loads(text.decode())
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    yaml.constructor.add_constructor("!mine", lambda loader, node: loader.construct_scalar(node))
    with open(path, "rb") as file:
        return yaml.load(file)


def main():
    with open(sys.argv[1]) as file:
        documents = json.load(file)
    for path, wanted in documents:
        value = read(path)
        if not is_same(value, wanted):
            sys.exit(f"{path} holds {value!r}, not {wanted!r}")
    print(len(documents))


main()
