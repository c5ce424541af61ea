"""The table."""

import platform
from datetime import date

from msgspec import Struct
from rich import box
from rich.console import Console
from rich.table import Table

from bench.probes import Probe
from bench.rounds import CLIENTS, Measured, Round

P99_MS = 50.0
WIDTH = 150


class Row(Struct, frozen=True):
    said: str
    target: float | None
    """The least that requests/s may be of pgbench's transactions/s."""
    measured: Measured


def show(rows: list[Row], found: list[Probe], connections: int) -> None:
    console = Console(width=WIDTH, highlight=False)
    console.print(
        f"{date.today():%Y-%m-%d}, Python {platform.python_version()}; {CLIENTS} clients, one API process;"  # noqa: DTZ011
        f" pgbench -M prepared -c {connections} with the same SQL = 1; p99 target ≤ {P99_MS:.0f} ms"
    )
    bare = next((row.measured.api.per_s for row in rows if row.said.startswith("bare")), None)
    console.print(_rates(rows, bare))
    if found:
        console.print(_figures(found))


def _rates(rows: list[Row], bare: float | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("through HTTP")
    for name in ("requests/s", "÷ bare", "pgbench/s", "÷ pgbench", "target", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for name in ("API µs", "PG µs", "PG µs in pgbench", "client µs"):
        table.add_column(name, justify="right", style="dim")
    for row in rows:
        table.add_row(row.said, *_rate(row, bare))
    return table


def _rate(row: Row, bare: float | None) -> list[str]:
    api, beside, ratio = row.measured.api, row.measured.yardstick or Round(per_s=0, postgres_us=0), row.measured.ratio
    held = row.target is None or (ratio or 0) >= row.target
    return [
        f"{api.per_s:,.0f}",
        f"{api.per_s / bare:.3f}" if bare else "–",
        f"{beside.per_s:,.0f}" if ratio else "–",
        f"{ratio:.3f}" if ratio else "–",
        f"≥ {row.target:.2f} {_mark(held)}" if row.target else "",
        f"{api.p50_ms:.1f}",
        f"{api.p99_ms:.1f} {_mark(api.p99_ms <= P99_MS)}",
        f"{api.api_us:.0f}",
        f"{api.postgres_us:.0f}" if ratio else "–",
        f"{beside.postgres_us:.0f}" if ratio else "–",
        f"{api.client_us:.0f}",
    ]


def _figures(found: list[Probe]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    for one in found:
        size = f"{one.value:,.2f}" if one.value < 10 else f"{one.value:,.0f}"
        target = f"≤ {one.most:.0f} {one.unit} {_mark(one.value <= one.most)}" if one.most else ""
        table.add_row(one.what, f"{size} {one.unit}", target)
    return table


def _mark(held: bool) -> str:  # noqa: FBT001
    return "✓" if held else "✗"
