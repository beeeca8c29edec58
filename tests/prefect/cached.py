"""Prefect's side of `tests/prefect.rs`: the same call of a cached task.

    cached.py read     prints the key that Prefect computes for the call, and what its default store has there
    cached.py write    leaves a result of its own there, and prints the key

PREFECT_HOME is the home that both sides share. No server is needed.
"""

import json
import sys

from prefect.cache_policies import INPUTS
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

ARGUMENTS = {"day": "2024-02-29", "limit": 3, "weights": [0.5, 1.0, 1e-7]}


def main(action):
    key = INPUTS.compute_key(task_ctx=None, inputs=ARGUMENTS, flow_parameters={})
    store = ResultStore(serializer=JSONSerializer())
    if action == "write":
        store.write([{"name": "from Prefect", "score": 0.25}], key=key)
        print(json.dumps({"key": key}))
    else:
        exists = store.exists(key)
        value = store.read(key).result if exists else None
        print(json.dumps({"key": key, "exists": exists, "value": value}))


main(sys.argv[1])
