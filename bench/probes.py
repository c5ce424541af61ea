"""What is not a rate: the check of a token, the memory of an idle city, the time of a start."""

import contextlib
import statistics
import time
import timeit

from msgspec import Struct

from app.core.auth import Auth, claims_of
from app.core.ids import new_id
from app.core.principals import Citizen
from app.core.tokens import Keys
from bench import proc
from bench.ground import Ground
from bench.rounds import wait_for_quiet

SETTLED_S = 5.0
STARTS = 5


class Probe(Struct, frozen=True):
    """One figure with the most it may be."""

    what: str
    value: float
    unit: str
    most: float | None = None


def tokens(keys: Keys) -> list[Probe]:
    """`Auth.check` in this process: a token seen for the first time, and one that is remembered among 500."""
    people = [Citizen(new_id(), new_id(), 2) for _ in range(500)]
    headers = [f"Bearer {keys.issue(claims_of(who), 'citizen', 600)}".encode() for who in people]
    auth = Auth(keys)
    began = time.perf_counter()
    for header in headers:
        auth.check(header, "citizen")
    first = (time.perf_counter() - began) / len(headers)
    turns = 200
    spent = timeit.repeat(lambda: [auth.check(header, "citizen") for header in headers], number=turns, repeat=5)
    again = min(spent) / turns / len(headers)
    return [
        Probe("token check, remembered", again * 1e6, "µs", 30),
        Probe("token check, the first time", first * 1e6, "µs"),
    ]


def memory(ground: Ground) -> list[Probe]:
    """A whole city at rest, by proportional set size: the sum, then each."""
    ports = ground.ports
    sandbox = ["--port", str(ports["sandbox"]), "--fcm-port", str(ports["fcm"])]
    with contextlib.ExitStack() as stack:
        home = str(ground.folder / "sandbox")
        pids = {"PostgreSQL": ground.postgres_pid, "Valkey": ground.valkey_pid}
        pids["sandbox"] = stack.enter_context(
            ground.process("sandbox", *sandbox, "--home", home, ready="/", port="sandbox")
        )
        pids["API"] = stack.enter_context(ground.process("app.main"))
        pids["worker"] = stack.enter_context(ground.process("workers", ready=""))
        time.sleep(SETTLED_S)  # memory at rest: no event tells when a process has settled
        sizes = {name: proc.pss_mb(pid) for name, pid in pids.items()}
    whole = Probe("idle memory of everything", sum(sizes.values()), "MB", 700)
    return [whole, *(Probe(f"· {name}", size, "MB") for name, size in sizes.items())]


def start(ground: Ground) -> Probe:
    """`python -m app.main` until /health/ready answers: the median, with PostgreSQL up and the code compiled."""
    times: list[float] = []
    for _ in range(STARTS):
        wait_for_quiet()
        began = time.monotonic()
        with ground.process("app.main"):
            times.append(time.monotonic() - began)
    return Probe("start of the API", statistics.median(times), "s", 2)
