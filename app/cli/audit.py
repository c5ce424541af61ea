"""`khue audit`: the trail proved, day by day."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click
import msgspec

from app.cli.shell import console, the_settings, with_database
from app.core.db import Database
from app.trail import checking, rules
from app.trail.checking import Finding, Sealed

SHOWN_MAX = 50

Day = click.DateTime(["%Y-%m-%d"])


class Pinned(msgspec.Struct):
    """A day as somebody kept it."""

    day: date
    root: str


@click.group()
def audit() -> None:
    """The trail of who read or changed whose data."""


@audit.command("verify")
@click.option("--from", "since", type=Day, help="The first day to look at (default: the first there is).")
@click.option("--to", "until", type=Day, help="The last day to look at (default: the last there is).")
@click.option(
    "--pinned",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A saved answer of /v1/public/trail/days: these roots must still be the ones.",
)
def verify_trail(since: datetime | None, until: datetime | None, pinned: Path | None) -> None:
    """Prove the trail from the database and the public keys; exit code 1 and the first thing that is wrong, if anything is."""
    kept = _kept(pinned) if pinned else {}
    first, last = since and since.date(), until and until.date()
    if first and last and first > last:
        raise click.UsageError("--from is after --to.")
    walked: list[date] = []
    found: list[Finding] = []
    entries = 0

    async def walk(database: Database) -> None:
        nonlocal entries
        async with database.transaction() as db:
            async for one in checking.verify(db, first, last):
                if isinstance(one, Sealed):
                    walked.append(one.record.day)
                    entries += one.entries
                    root = kept.pop(one.record.day, one.record.root)
                    if root != one.record.root:
                        found.append(Finding(one.record.day, None, "it has another root than the one that was kept."))
                else:
                    found.append(one)

    with console.status("Walking the trail …"):
        with_database(the_settings(), walk)
    found += [
        Finding(day, None, "it was kept by somebody, and is missing.") for day in sorted(kept) if _in(day, first, last)
    ]
    for one in found[:SHOWN_MAX]:
        console.print(_said(one), soft_wrap=True)
    if len(found) > SHOWN_MAX:
        console.print(f"… and {len(found) - SHOWN_MAX} more.")
    if found:
        console.print(f"The trail is NOT whole: {len(found)} found in {len(walked)} days with {entries:,} entries.")
        sys.exit(1)
    _say_well(walked, entries, last)


def _say_well(walked: list[date], entries: int, last: date | None) -> None:
    if not walked:
        console.print("No day is sealed here.")
        return
    console.print(f"The trail is whole from {walked[0]} to {walked[-1]}: {len(walked)} days, {entries:,} entries.")
    waiting = rules.days_due(walked[-1], datetime.now(UTC))
    if waiting and not last:
        console.print(f"Not sealed yet: {waiting} days after it.")


def _said(one: Finding) -> str:
    day = f"Day {one.day}" if one.day else "The trail"
    return f"{day}, entry {one.entry_id}: {one.said}" if one.entry_id else f"{day}: {one.said}"


def _in(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def _kept(file: Path) -> dict[date, str]:
    try:
        whole = json.loads(file.read_text())
        items = msgspec.convert(whole["items"] if isinstance(whole, dict) else whole, list[Pinned])
    except (ValueError, KeyError, msgspec.ValidationError) as wrong:
        raise click.UsageError(f"{file} is no saved answer of /v1/public/trail/days.") from wrong
    return {one.day: one.root for one in items}
