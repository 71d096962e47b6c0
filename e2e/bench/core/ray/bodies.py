"""The bodies of `ray microbenchmark`, measured one round at a time, for `npm run bench -- core --vs ray`.

The remote functions and actors are Ray's own (ray/_private/ray_perf.py, Apache-2.0); the bodies are
those of its main(), which cannot be imported one by one; those of clients are its own, too. Orders come on stdin and answers go to
stdout, one JSON object per line. Two bodies are not Ray's: actor creation, which it does not
measure, and the rest of ten seconds before each row, which is left out on both sides.
"""

import json
import sys
import time

import numpy as np
import ray
from ray._private import ray_client_microbenchmark as client_perf
from ray._private.client_mode_hook import disable_client_hook
from ray._private.ray_perf import (
    Actor,
    AsyncActor,
    Client,
    create_object_containing_ref,
    small_value,
)
from ray.util.client.ray_client_helpers import ray_start_client_server

WARM_UP_S = 1
ROUND_S = 2
CPUS_HALF = 1
N = 5000
M = 4


def get_calls():
    value = ray.put(0)
    return lambda: ray.get(value)


def put_calls():
    return lambda: ray.put(0)


@ray.remote
def do_put_small():
    for _ in range(100):
        ray.put(0)


def multi_put_calls():
    return lambda: ray.get([do_put_small.remote() for _ in range(10)])


def put_gigabytes():
    array = np.zeros(100 * 1024 * 1024, dtype=np.int64)
    return lambda: ray.put(array)


def thousand_tasks():
    return lambda: ray.get([small_value.remote() for _ in range(1000)])


@ray.remote
def do_put():
    for _ in range(10):
        ray.put(np.zeros(10 * 1024 * 1024, dtype=np.int64))


def multi_put_gigabytes():
    return lambda: ray.get([do_put.remote() for _ in range(10)])


def get_10k_refs():
    containing = create_object_containing_ref.remote()
    ray.wait([containing])
    return lambda: ray.get(containing)


def wait_1k_refs():
    def run():
        not_ready = [small_value.remote() for _ in range(1000)]
        fetch_local = True
        for _ in range(1000):
            _ready, not_ready = ray.wait(not_ready, fetch_local=fetch_local)
            fetch_local = False

    return run


def tasks_sync():
    return lambda: ray.get(small_value.remote())


def multi_tasks():
    actors = [Actor.remote() for _ in range(M)]
    return lambda: ray.get([a.small_value_batch.remote(10000) for a in actors])


def calls_sync(cls):
    def prepare():
        a = cls.remote()
        return lambda: ray.get(a.small_value.remote())

    return prepare


def calls_async(cls, **options):
    def prepare():
        a = cls.options(**options).remote()
        return lambda: ray.get([a.small_value.remote() for _ in range(1000)])

    return prepare


def calls_with_args():
    a = AsyncActor.remote()
    return lambda: ray.get([a.small_value_with_arg.remote(i) for i in range(1000)])


def one_to_n(cls):
    def prepare():
        client = Client.remote([cls.remote() for _ in range(CPUS_HALF)])
        return lambda: ray.get(client.small_value_batch.remote(N))

    return prepare


@ray.remote
def work(actors):
    ray.get([actors[i % CPUS_HALF].small_value.remote() for i in range(N)])


def n_to_n(cls):
    def prepare():
        actors = [cls.remote() for _ in range(CPUS_HALF)]
        return lambda: ray.get([work.remote(actors) for _ in range(M)])

    return prepare


def n_to_n_with_arg():
    clients = [Client.remote(Actor.remote()) for _ in range(CPUS_HALF)]
    return lambda: ray.get([c.small_value_batch_arg.remote(1000) for c in clients])


def actor_creation():
    def run():
        actors = [Actor.remote() for _ in range(4)]
        ray.get([a.small_value.remote() for a in actors])
        for a in actors:
            ray.kill(a)

    return run


def placement_groups():
    def run():
        groups = [ray.util.placement_group(bundles=[{"custom": 0.001}]) for _ in range(100)]
        for group in groups:
            group.wait(timeout_seconds=30)
        for group in groups:
            ray.util.remove_placement_group(group)

    return run


class Cluster:
    """Ray, with this process as its driver, or as a client that talks to one."""

    def __init__(self):
        self.client_server = None
        self.client = None

    def init(self, job_config=None, **_):
        with disable_client_hook():
            if not ray.is_initialized():
                ray.init(
                    resources={"custom": 100}, include_dashboard=False, logging_level="ERROR"
                )

    def as_driver(self):
        if self.client_server:
            self.client_server.__exit__(None, None, None)
            self.client_server = self.client = None
        self.init()

    def as_client(self):
        if not self.client:
            ray.shutdown()
            self.client_server = ray_start_client_server(ray_connect_handler=self.init)
            self.client = self.client_server.__enter__()
        return self.client


cluster = Cluster()


class Found(Exception):
    def __init__(self, run):
        super().__init__("the body that was looked for")
        self.run = run


def as_client(benchmark, printed):
    """The body that Ray's own benchmark of clients measures under this name."""

    def timeit(name, run, multiplier=1):
        # What comes after would give its variables other values.
        if name == f"client: {printed}":
            raise Found(run)
        return []

    def prepare():
        client_perf.timeit = timeit
        try:
            getattr(client_perf, f"benchmark_{benchmark}")(cluster.as_client(), [])
        except Found as found:
            return found.run
        raise LookupError(printed)

    return prepare


# By name: how to prepare it, and what one run counts for.
BODIES = {
    "single_client_get_calls_Plasma_Store": (get_calls, 1),
    "single_client_put_calls_Plasma_Store": (put_calls, 1),
    "multi_client_put_calls_Plasma_Store": (multi_put_calls, 1000),
    "single_client_put_gigabytes": (put_gigabytes, 8 * 0.1),
    "single_client_tasks_and_get_batch": (thousand_tasks, 1),
    "multi_client_put_gigabytes": (multi_put_gigabytes, 10 * 8 * 0.1),
    "single_client_get_object_containing_10k_refs": (get_10k_refs, 1),
    "single_client_wait_1k_refs": (wait_1k_refs, 1),
    "single_client_tasks_sync": (tasks_sync, 1),
    "single_client_tasks_async": (thousand_tasks, 1000),
    "multi_client_tasks_async": (multi_tasks, 10000 * M),
    "1_1_actor_calls_sync": (calls_sync(Actor), 1),
    "1_1_actor_calls_async": (calls_async(Actor), 1000),
    "1_1_actor_calls_concurrent": (calls_async(Actor, max_concurrency=16), 1000),
    "1_n_actor_calls_async": (one_to_n(Actor), N * CPUS_HALF),
    "n_n_actor_calls_async": (n_to_n(Actor), M * N),
    "n_n_actor_calls_with_arg_async": (n_to_n_with_arg, 1000 * CPUS_HALF),
    "1_1_async_actor_calls_sync": (calls_sync(AsyncActor), 1),
    "1_1_async_actor_calls_async": (calls_async(AsyncActor), 1000),
    "1_1_async_actor_calls_with_args_async": (calls_with_args, 1000),
    "1_n_async_actor_calls_async": (one_to_n(AsyncActor), N * CPUS_HALF),
    "n_n_async_actor_calls_async": (n_to_n(AsyncActor), M * N),
    "actor_creation": (actor_creation, 4),
    "placement_group_create/removal": (placement_groups, 100),
    "client__get_calls": (as_client("get_calls", "get calls"), 1),
    "client__put_calls": (as_client("put_calls", "put calls"), 1),
    "client__put_gigabytes": (as_client("put_large", "put gigabytes"), 8 * 0.1),
    "client__tasks_and_get_batch": (
        as_client("tasks_and_get_batch", "tasks and get batch"),
        1,
    ),
    "client__tasks_and_put_batch": (
        as_client("remote_put_calls", "tasks and put batch"),
        1000,
    ),
    "client__1_1_actor_calls_sync": (as_client("simple_actor", "1:1 actor calls sync"), 1),
    "client__1_1_actor_calls_async": (
        as_client("simple_actor", "1:1 actor calls async"),
        1000,
    ),
    "client__1_1_actor_calls_concurrent": (
        as_client("simple_actor", "1:1 actor calls concurrent"),
        1000,
    ),
}


class Timed:
    """The rules of ray._private.ray_microbenchmark_helpers.timeit."""

    def __init__(self, name):
        prepare, self.multiplier = BODIES[name]
        if not name.startswith("client__"):
            cluster.as_driver()
        self.run = prepare()
        self.step = 1

    def warm_up(self):
        start = time.perf_counter()
        count = 0
        while time.perf_counter() - start < WARM_UP_S:
            self.run()
            count += 1
        self.step = count // 10 + 1
        return {"rate": None}

    def round(self):
        start = time.perf_counter()
        count = 0
        while time.perf_counter() - start < ROUND_S:
            for _ in range(self.step):
                self.run()
            count += self.step
        return {"rate": self.multiplier * count / (time.perf_counter() - start)}


def main():
    timed = None
    for line in sys.stdin:
        order = json.loads(line)
        answer = {"rate": None}
        try:
            if order["do"] == "init":
                cluster.init()
            elif order["do"] == "prepare":
                timed = None
                timed = Timed(order["name"])
            elif order["do"] == "warm-up":
                answer = timed.warm_up()
            elif order["do"] == "round":
                answer = timed.round()
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    timed = None
    cluster.as_driver()
    ray.shutdown()


main()
