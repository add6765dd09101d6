"""Metaflow's own stores, driven by one JSON request a line on standard input, one JSON answer a line on standard output.

    {"call": "read", "root": …, "flow": …, "keys": […]}            CondaEnvironment.read_from_environment_manifest
    {"call": "write", "root": …, "flow": …, "keys": […], "value": …}              .write_to_environment_manifest
    {"call": "load" | "store" | "new", "prefix": …, "token": …}    production_token, in $METAFLOW_TOKEN_HOME
    {"call": "tokens", "prefixes": […], "count": n}                the first n tokens of each prefix
    {"call": "pause", "at": "flock" | "dump" | "load_config"}      stop the next write there

A paused write answers {"paused": …} and goes on after one more line.
"""

import itertools
import json
import sys
from types import SimpleNamespace

import metaflow
from metaflow.plugins.aws.step_functions import production_token
from metaflow.plugins.pypi import conda_environment
from metaflow.plugins.pypi.conda_environment import CondaEnvironment


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def pause(name):
    answer({"paused": name})
    sys.stdin.readline()


def pause_at(name):
    """Wraps the function that the next write goes through, once."""
    module, function = {
        "flock": (conda_environment, "fcntl"),
        "dump": (production_token, "json"),
        "load_config": (production_token, "_load_config"),
    }[name]
    original = getattr(module, function)

    def restore():
        setattr(module, function, original)

    if name == "flock":

        def flock(*arguments):
            restore()
            pause(name)
            original.flock(*arguments)

        replacement = SimpleNamespace(flock=flock, LOCK_EX=original.LOCK_EX, LOCK_UN=original.LOCK_UN)
    elif name == "dump":

        def dump(*arguments):
            restore()
            pause(name)
            original.dump(*arguments)

        replacement = SimpleNamespace(dump=dump, load=original.load)
    else:

        def replacement(path):
            restore()
            config = original(path)
            pause(name)
            return config

    setattr(module, function, replacement)


def environment(request):
    made = CondaEnvironment.__new__(CondaEnvironment)
    made.local_root = request["root"]
    made.flow = SimpleNamespace(name=request["flow"])
    return made


def tokens(request):
    return [
        list(itertools.islice(production_token._token_generator(prefix), request["count"]))
        for prefix in request["prefixes"]
    ]


calls = {
    "version": lambda r: metaflow.__version__,
    "read": lambda r: environment(r).read_from_environment_manifest(r["keys"]),
    "write": lambda r: environment(r).write_to_environment_manifest(r["keys"], r["value"]),
    "load": lambda r: production_token.load_token(r["prefix"]),
    "store": lambda r: production_token.store_token(r["prefix"], r["token"]),
    "new": lambda r: production_token.new_token(r["prefix"], r.get("token")),
    "tokens": tokens,
    "pause": lambda r: pause_at(r["at"]),
}

for line in iter(sys.stdin.readline, ""):
    request = json.loads(line)
    try:
        answer({"result": calls[request["call"]](request)})
    except Exception as error:
        answer({"error": type(error).__name__})
