"""Writes cache-keys.json: cache keys and texts that Prefect 3.8.8 computes, for the tests of `cache`.

Run with a Python that has `prefect==3.8.8`:

    PREFECT_HOME=$(mktemp -d) python cache-keys.py > cache-keys.json

Values are tagged, since JSON itself has no NaN, no integers of any size, and no order of members:
{"int": "1"}, {"float": "1e+16"}, {"str": ".."}, {"list": [..]}, {"map": [[name, value], ..]},
{"intmap": [["1", value], ..]}; null, true and false stand for themselves.
"""

import json
import random
import struct
import sys
from types import SimpleNamespace

import prefect
from prefect.cache_policies import (
    DEFAULT, FLOW_PARAMETERS, INPUTS, NO_CACHE, RUN_ID, TASK_SOURCE, CachePolicy,
)
from prefect.utilities.hashing import hash_objects

assert prefect.__version__ == "3.8.8", prefect.__version__

FLOW_RUN = "0190163d-8694-739b-aea5-966c26f8ad91"
TASK_RUN = "0190163d-8695-7fff-8000-000000000001"
SOURCE = "my_crate::tasks\nasync fn fetch(url: String) -> \"Größe\" { /* 🦀 */ }\n"

NAMED = {
    "DEFAULT": DEFAULT, "INPUTS": INPUTS, "TASK_SOURCE": TASK_SOURCE, "RUN_ID": RUN_ID,
    "FLOW_PARAMETERS": FLOW_PARAMETERS, "NO_CACHE": NO_CACHE,
    "KEY_FN": CachePolicy.from_cache_key_fn(lambda context, parameters: "own key"),
    "KEY_FN_NONE": CachePolicy.from_cache_key_fn(lambda context, parameters: None),
}


def policy(node):
    """["+", a, b], ["-", a, "name"], or a name."""
    if isinstance(node, str):
        return NAMED[node]
    operator, left, right = node
    if operator == "+":
        return policy(left) + policy(right)
    return policy(left) - right


def tagged(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, str):
        return {"str": value}
    if isinstance(value, (list, tuple)):
        return {"list": [tagged(item) for item in value]}
    if value and all(isinstance(key, int) for key in value):
        return {"intmap": [[str(key), tagged(item)] for key, item in value.items()]}
    return {"map": [[key, tagged(item)] for key, item in value.items()]}


INPUT_SETS = [
    {},
    {"x": 1},
    {"x": 1, "y": 2},
    {"y": 2, "x": 1},
    {"x": "1"},
    {"x": 1.0},
    {"x": True},
    {"x": None},
    {"x": -0.0, "y": 0.0, "z": 0},
    {"big": 1e16, "huge": 1e300, "small": 1e-5, "edge": 0.0001, "below": 9999999999999998.0},
    {"nan": float("nan"), "inf": float("inf"), "minus": float("-inf")},
    {"pi": 3.141592653589793, "tenth": 0.1, "third": 1 / 3, "least": 5e-324, "most": 1.7976931348623157e308},
    {"i": 2**63 - 1, "j": -(2**63), "k": 2**64 - 1, "l": 2**127 - 1, "m": -(2**127)},
    {"text": "plain"},
    {"text": ""},
    {"text": "quote \" backslash \\ slash / tab \t newline \n return \r feed \f back \b"},
    {"text": "\x00\x01\x1f\x7f\x80\x9f\xa0\xff"},
    {"text": "größe ñ 日本語 \u2028 \u2029 \ufeff \uffff"},
    {"text": "🦀 𝔘 \U0010ffff"},
    {"größe": 1, "z": 2, "Z": 3, "_": 4, "🦀": 5, "\uffff": 6, "é": 7},
    {"list": [], "map": {}, "nested": [[], {}, [[]], [{}]]},
    {"list": [1, "a", None, True, False, 1.5, [2], {"b": 1, "a": 2}]},
    {"map": {"z": {"y": {"x": 1, "a": 2}, "b": [{"q": 1, "c": 2}]}, "a": 0}},
    {"counts": {10: "ten", 9: "nine", -1: "minus one", 100: "hundred"}},
    {"a": {"b": "x" * 300}, "c": list(range(100))},
    {"url": "https://example.com/a?b=c&d=é", "page": 3, "deep": {"tags": ["io", "cpu"], "ratio": 0.25}},
]

POLICIES = [
    "DEFAULT",
    "INPUTS",
    "TASK_SOURCE",
    "RUN_ID",
    "FLOW_PARAMETERS",
    "NO_CACHE",
    "KEY_FN",
    "KEY_FN_NONE",
    ["+", "INPUTS", "RUN_ID"],
    ["+", "RUN_ID", "INPUTS"],
    ["+", "TASK_SOURCE", "RUN_ID"],
    ["+", "RUN_ID", "TASK_SOURCE"],
    ["+", "INPUTS", "INPUTS"],
    ["+", "RUN_ID", "RUN_ID"],
    ["+", "INPUTS", "KEY_FN"],
    ["+", "INPUTS", "KEY_FN_NONE"],
    ["+", "KEY_FN_NONE", "KEY_FN_NONE"],
    ["+", "NO_CACHE", "INPUTS"],
    ["+", "INPUTS", "NO_CACHE"],
    ["+", "NO_CACHE", "NO_CACHE"],
    ["+", "DEFAULT", "NO_CACHE"],
    ["+", "NO_CACHE", "DEFAULT"],
    ["+", "DEFAULT", "FLOW_PARAMETERS"],
    ["+", "FLOW_PARAMETERS", "DEFAULT"],
    ["+", "DEFAULT", "DEFAULT"],
    ["+", ["+", "INPUTS", "TASK_SOURCE"], "KEY_FN"],
    ["+", "INPUTS", ["+", "TASK_SOURCE", "KEY_FN"]],
    ["-", "INPUTS", "x"],
    ["-", ["-", "INPUTS", "x"], "y"],
    ["-", "INPUTS", "unknown"],
    ["-", "DEFAULT", "x"],
    ["-", ["-", "DEFAULT", "x"], "y"],
    ["-", "RUN_ID", "x"],
    ["-", "NO_CACHE", "x"],
    ["-", ["+", "TASK_SOURCE", "RUN_ID"], "x"],
    ["+", ["-", "INPUTS", "x"], ["-", "INPUTS", "y"]],
    ["+", ["-", "INPUTS", "x"], "TASK_SOURCE"],
    ["-", ["+", "INPUTS", "TASK_SOURCE"], "x"],
]


def case(node, inputs, source=SOURCE, flow_run=FLOW_RUN, flow_parameters=None):
    flow_parameters = {"day": "2024-06-01", "n": 1} if flow_parameters is None else flow_parameters
    context = SimpleNamespace(
        task=SimpleNamespace(source_code=source),
        task_run=SimpleNamespace(flow_run_id=flow_run, id=TASK_RUN),
    )
    key = policy(node).compute_key(
        task_ctx=context, inputs=inputs, flow_parameters=flow_parameters
    )
    return {
        "policy": node, "inputs": tagged(inputs)["map"], "source": source, "flow_run": flow_run,
        "task_run": TASK_RUN, "flow_parameters": tagged(flow_parameters)["map"], "key": key,
    }


def cases():
    for inputs in INPUT_SETS:
        yield case("INPUTS", inputs)
        yield case("DEFAULT", inputs)
    for node in POLICIES:
        for inputs in [{}, {"x": 1}, {"x": 1, "y": "é", "z": [1.5, None]}]:
            yield case(node, inputs)
    for node in ["RUN_ID", "DEFAULT", ["+", "RUN_ID", "INPUTS"]]:
        yield case(node, {"x": 1}, flow_run=None)
    for node in ["FLOW_PARAMETERS", ["+", "INPUTS", "FLOW_PARAMETERS"]]:
        yield case(node, {"x": 1}, flow_parameters={})
        yield case(node, {"x": 1}, flow_parameters={"f": float("nan"), "größe": [1e16, {"b": 1, "a": 2}]})
    for source in ["", "plain", "\t\"\\é🦀"]:
        yield case("TASK_SOURCE", {"x": 1}, source=source)


def floats():
    generator = random.Random(388)
    edges = [0.0, -0.0, 1.0, 1e15, 1e16, 1e17, 123456789012345680.0, 9007199254740993.0, 0.0001, 0.00001, 1e22, 1e23, 2.0**-44]
    powers = [2.0**n for n in range(-1074, 1024, 37)] + [10.0**n for n in range(-323, 309, 13)]
    drawn = [struct.unpack("d", struct.pack("Q", generator.getrandbits(64)))[0] for _ in range(300)]
    # Two shortest texts are equally near.
    ties = [2.0**-25, 1059438285926254.25, -1425502010969177.25, 26363981746409.3125]
    usual = [generator.uniform(-1000, 1000) for _ in range(40)] + [generator.randrange(10**6) / 100 for _ in range(40)]
    for value in edges + powers + ties + drawn + usual:
        if value == value:
            # Bits and text: neither side has to read the other's decimal digits.
            yield [struct.pack(">d", value).hex(), repr(value)]


def hashes():
    for arguments in [[], ["a"], ["a", "b"], [1, 2.0, None], [{"b": 1, "a": [True]}], ["é🦀"]]:
        yield [tagged(arguments)["list"], hash_objects(*arguments)]


def main():
    sections = {"cases": cases(), "floats": floats(), "hashes": hashes()}
    lines = (
        f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]"
        for name, rows in sections.items()
    )
    sys.stdout.write(f'{{\n"prefect": "{prefect.__version__}",\n' + ",\n".join(lines) + "\n}\n")


main()
