"""Prefect's side of `benches/server.rs`: one flow with many trivial tasks.

    python_tasks.py call 1000      calls them one after another
    python_tasks.py submit 1000    submits them to eight threads

It prints `begin <processor seconds>` after a warm-up, `flow <seconds>` when the flow call has returned, and
`end <processor seconds>` when the process has nothing left to do.
"""

import atexit
import sys
import time


def say_processor_time(moment):
    print(moment, time.process_time(), flush=True)


# Registered before Prefect registers anything, it is called after all of that: nothing is left to be delivered.
atexit.register(say_processor_time, "end")

from prefect import flow, task  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402


@task
def increment(number):
    return number + 1


def call_all(tasks):
    return sum(increment(number) for number in range(tasks))


def submit_all(tasks):
    futures = [increment.submit(number) for number in range(tasks)]
    return sum(future.result() for future in futures)


def main(mode, tasks):
    body = {"call": call_all, "submit": submit_all}[mode]
    runner = ThreadPoolTaskRunner(max_workers=8)
    flow(body, name="python-warm-up", task_runner=runner)(1)

    measured = flow(body, name=f"python-{mode}", task_runner=runner)
    say_processor_time("begin")
    begun = time.perf_counter()
    total = measured(tasks)
    print("flow", time.perf_counter() - begun, flush=True)
    assert total == tasks * (tasks + 1) // 2


main(sys.argv[1], int(sys.argv[2]))
