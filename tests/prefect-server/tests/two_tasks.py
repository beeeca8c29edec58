"""The scenario of `01-flow-two-tasks`, by Prefect itself: `prefect.rs` lets it talk through the proxy."""

from prefect import flow, tags, task


@task(tags=["t-deco"])
def add(x, y):
    return x + y


@task(task_run_name="double-{x}")
def double(x):
    return 2 * x


@flow(name="wire-a", version="v1")
def two_tasks(n, who="bob"):
    with tags("ctx-tag"):
        total = add(n, 1)
    doubled = double.submit(total)
    return add.submit(doubled, 1).result()


with tags("run-tag"):
    assert two_tasks(5) == 13
