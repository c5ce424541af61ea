"""`python -m bench`: one table of ratios. `--rounds 1 --seconds 3 --only inbox` for a quick look."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct

from app.core.crypto import Crypto
from bench import city as cities
from bench import codes, pgbench, probes, table
from bench.calls import Calls
from bench.city import City
from bench.ground import Ground, ground
from bench.pgbench import Script
from bench.rounds import Rounds
from bench.table import Row

API, ALONE, BARE, CHECKED = (
    ("app.main",),
    ("bench.servers", "alone"),
    ("bench.servers", "bare"),
    ("bench.servers", "checked"),
)


class Plan(Struct, frozen=True):
    """One row: what is asked of which server, held against what."""

    name: str
    said: str
    server: tuple[str, ...]
    requests: Callable[[Calls], list[bytes]]
    script: Callable[[City], Script] | None = None
    target: float | None = None
    before: Callable[[str], object] | None = None
    """What each round begins with, given the database."""


PLANS = [
    Plan("bare", "bare Litestar, JSON, no database", BARE, Calls.hello),
    Plan("token", "behind a door, and nothing else", CHECKED, Calls.checked),
    Plan("me", "my account", API, Calls.me),
    Plan("sign-in", "sign-in by code", API, Calls.sign_ins, before=lambda url: asyncio.run(codes.freshen(url))),
    Plan("own", "ticket by key, coalesced", API, Calls.own_tickets, lambda _: pgbench.own(), 0.12),
    Plan("own-alone", "ticket by key, a statement each", ALONE, Calls.own_tickets, lambda _: pgbench.own(), 0.08),
    Plan("unit", "ticket of the unit by key (officer)", API, Calls.unit_tickets, lambda _: pgbench.own()),
    Plan("inbox", "officer's inbox, 50 tickets", API, Calls.inboxes, pgbench.inbox),
    Plan("file", "file a ticket, micro-batched", API, Calls.filings, lambda _: pgbench.filing(BODY), 0.5),
    Plan("file-alone", "file a ticket, a statement each", ALONE, Calls.filings, lambda _: pgbench.filing(BODY), 0.3),
]
"""Reads first, on a city that stands still; filing makes it grow."""

BODY = b"x" * 840
"""As long as the kept answer of a ticket filed."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", nargs="+", choices=[plan.name for plan in PLANS], default=[])
    asked = parser.parse_args()
    with ground() as made:
        found = [] if asked.only else [*probes.tokens(made.keys), *probes.memory(made), probes.start(made)]
        city = asyncio.run(cities.make(made.url))
        signs = asyncio.run(codes.make(made.url, Crypto(made.settings.crypto)))
        plans = [plan for plan in PLANS if not asked.only or plan.name in asked.only]
        rows = list(_rows(made, Calls(made.keys, city, signs), plans, Rounds(made, asked.rounds, asked.seconds)))
    table.show(rows, found, made.settings.database.hot_pool_size)


def _rows(made: Ground, calls: Calls, plans: list[Plan], rounds: Rounds) -> Iterator[Row]:
    for plan in plans:
        print(f"{plan.said} …", file=sys.stderr)
        script = plan.script(calls.city) if plan.script else None
        with made.process(*plan.server, ready="/" if plan.server in (BARE, CHECKED) else "/health/ready") as pid:
            before = partial(plan.before, made.url) if plan.before else None
            yield Row(plan.said, plan.target, rounds.measure(pid, plan.requests(calls), script, before))


if __name__ == "__main__":
    main()
