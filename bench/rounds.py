"""Alternating rounds: the API, its yardstick, the API again. A round that others disturbed is done anew."""

import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

import asyncpg
import msgspec
import uvloop
from msgspec import Struct

from bench import pgbench, proc
from bench.ground import Ground
from bench.load import Job, Seen
from bench.pgbench import Script

T = TypeVar("T")

CLIENTS = 32
WARM_UP_S = 2.0
DISTURBED = 0.25
"""The share of one core that others may use during a round."""
TRIES = 4
QUIET_WAIT_S = 120.0


class Round(Struct, kw_only=True):
    """One run of one side; CPU in microseconds a request."""

    per_s: float
    postgres_us: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    api_us: float = 0.0
    client_us: float = 0.0
    others: float = 0.0
    """The share of one core that something else used meanwhile."""


class Measured(Struct):
    """The median of each figure, and the ratio of the medians."""

    api: Round
    yardstick: Round | None
    ratio: float | None


class Rounds:
    """How often, how long, on what."""

    def __init__(self, ground: Ground, count: int, seconds: float) -> None:
        self._ground = ground
        self._count = count
        self._seconds = seconds

    def measure(
        self, api_pid: int, requests: list[bytes], script: Script | None, before: Callable[[], object] | None = None
    ) -> Measured:
        """`before` makes each round's start the same, where the rounds use something up."""
        api: list[Round] = []
        yardstick: list[Round] = []
        for _ in range(self._count):
            api.append(self._quiet(lambda: self._api(api_pid, requests, before)))
            if script is not None:
                yardstick.append(self._quiet(lambda: self._pgbench(script)))
        middle = median(api)
        if not yardstick:
            return Measured(middle, None, None)
        beside = median(yardstick)
        return Measured(middle, beside, middle.per_s / beside.per_s)

    def _quiet(self, run: Callable[[], Round]) -> Round:
        """The first run that nobody disturbed, else the least disturbed."""
        runs: list[Round] = []
        for _ in range(TRIES):
            wait_for_quiet()
            runs.append(run())
            if runs[-1].others <= DISTURBED:
                break
            print(f"  disturbed: others used {runs[-1].others:.0%} of a core; once more", file=sys.stderr)
        return min(runs, key=lambda one: one.others)

    def _api(self, pid: int, requests: list[bytes], before: Callable[[], object] | None) -> Round:
        if before is not None:
            before()
        watch = Watch(self._ground, pid)
        job = Job(self._ground.ports["api"], requests, CLIENTS, WARM_UP_S, self._seconds, uuid.uuid4().hex)
        seen = load(self._ground, job)
        api_us, postgres_us, others = watch.stop(seen.total)
        return Round(
            per_s=seen.per_s,
            p50_ms=seen.p50_ms,
            p99_ms=seen.p99_ms,
            api_us=api_us,
            postgres_us=postgres_us,
            client_us=watch.ended_us,
            others=others,
        )

    def _pgbench(self, script: Script) -> Round:
        watch = Watch(self._ground, os.getpid())
        done, per_s = pgbench.run(self._ground, script, self._seconds)
        _, postgres_us, others = watch.stop(done)
        return Round(per_s=per_s, postgres_us=postgres_us, client_us=watch.ended_us, others=others)


class Watch:
    """CPU from now until `stop`; begins with a checkpoint, so that each round writes its WAL from the same start."""

    def __init__(self, ground: Ground, pid: int) -> None:
        uvloop.run(_checkpoint(ground.url))
        self._pids = [pid, ground.postgres_pid, ground.valkey_pid]
        self._before = self._look()
        self._began = time.monotonic()
        self.ended_us = 0.0

    def stop(self, requests: int) -> tuple[float, float, float]:
        """Microseconds a request of the process and of PostgreSQL; the share of a core that others used."""
        took = time.monotonic() - self._began
        api, postgres, valkey, ended, everything = (
            now - then for now, then in zip(self._look(), self._before, strict=True)
        )
        self.ended_us = ended / requests * 1e6
        ours = postgres + valkey + ended + (api if self._pids[0] != os.getpid() else 0)
        return api / requests * 1e6, postgres / requests * 1e6, (everything - ours) / took

    def _look(self) -> list[float]:
        return [*map(proc.cpu_s, self._pids), proc.cpu_of_children_s(), proc.cpu_of_all_s()]


def wait_for_quiet() -> None:
    """Until the machine has had a second of peace; after QUIET_WAIT_S it is taken as it is."""
    until = time.monotonic() + QUIET_WAIT_S
    while time.monotonic() < until:
        before = proc.cpu_of_all_s()
        time.sleep(1)  # the second of peace
        if proc.cpu_of_all_s() - before < DISTURBED:
            return


def load(ground: Ground, job: Job) -> Seen:
    """Run the load generator. Raises RuntimeError on any answer that is not 2xx."""
    file = ground.folder / "job"
    file.write_bytes(msgspec.msgpack.encode(job))
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", str(file)],
        check=False,
        capture_output=True,
        env=ground.process_environment(),
    )
    if done.returncode:
        raise RuntimeError(f"the load generator ended with {done.returncode}:\n{done.stderr.decode()[-3000:]}")
    seen = msgspec.json.decode(done.stdout, type=Seen)
    if seen.refused:
        raise RuntimeError(f"answers other than 2xx: {seen.statuses}. The first:\n{seen.refused}")
    return seen


def median(rounds: list[Round]) -> Round:
    return Round(**{name: statistics.median(getattr(one, name) for one in rounds) for name in Round.__struct_fields__})


async def _checkpoint(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
