"""`khue keys`: the keys that sign access tokens and the days of the trail."""

import math
from collections.abc import Sequence
from datetime import timedelta

import click
from rich.table import Column, Table

from app.cli.shell import console, the_settings, with_database
from app.core import signing_keys
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.signing_keys import ACCESS, TRAIL, SigningKeyRow, TooSoon


@click.group()
def keys() -> None:
    """Signing keys: list, rotate."""


@keys.command("list")
def list_keys() -> None:
    """Which key signs, which comes next, and until when an old one verifies."""

    async def ask(database: Database) -> Sequence[SigningKeyRow]:
        async with database.transaction() as session:
            return await signing_keys.every(session)

    table = Table(Column("kid", no_wrap=True), "purpose", "state", "made", "verifies until", box=None)
    for one in with_database(the_settings(), ask):
        until = (
            f"{one.verifies_until:%Y-%m-%d %H:%M:%S}" if one.verifies_until else "for ever" if one.retired_at else ""
        )
        table.add_row(one.kid, one.purpose, one.state, f"{one.created_at:%Y-%m-%d %H:%M:%S}", until)
    console.print(table if table.row_count else "No keys yet; the first API process makes them.")


@keys.command("rotate")
@click.argument("purpose", type=click.Choice([ACCESS, TRAIL]), default=ACCESS)
@click.option("--stolen", is_flag=True, help="The old key verifies nothing any more: all access tokens end now.")
def rotate_keys(purpose: str, stolen: bool) -> None:  # noqa: FBT001
    """The published next key signs from now on, and another one is made. Nothing restarts.

    If both live keys may have been stolen, run it twice with --stolen.
    """
    if stolen and purpose == TRAIL:
        raise click.UsageError("The days that a trail key signed stay what they are; --stolen is for access tokens.")
    chosen = the_settings()
    crypto = Crypto(chosen.crypto)
    ttl = None if purpose == TRAIL else timedelta(seconds=0 if stolen else chosen.tokens.access_ttl_s)
    known_after = timedelta(seconds=2 * chosen.tokens.keys_read_s)

    async def do(database: Database) -> str:
        async with database.transaction() as session:
            await signing_keys.ensure(session, crypto)
            return await signing_keys.rotate(session, crypto, purpose, ttl, known_after)

    try:
        kid = with_database(chosen, do)
    except TooSoon as wrong:
        seconds = math.ceil(wrong.args[0].total_seconds())
        raise click.ClickException(f"Not every process knows the next key yet; again in {seconds} s.") from None
    console.print(f"{kid} signs from now on ({purpose}); in force everywhere within {chosen.tokens.keys_read_s:g} s.")
