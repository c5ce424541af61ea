"""`khue administrator`."""

import click

from app.cli.shell import console, the_settings, with_database
from app.core.db import Database
from app.core.errors import AppError
from app.departments import officers


@click.command()
@click.argument("subject")
@click.argument("full_name")
@click.option("--unit", default="UBND-TP", show_default=True, help="The department they work for.")
def administrator(subject: str, full_name: str, unit: str) -> None:
    """Make the first administrator of the whole city: SUBJECT is their `sub` at the staff sign-in. May be run again."""
    chosen = the_settings()

    async def make(database: Database) -> bool:
        async with database.transaction() as session:
            return await officers.make_administrator(session, chosen.staff.issuer, subject, full_name, unit)

    try:
        made = with_database(chosen, make)
    except AppError as wrong:
        raise click.ClickException(f"{wrong.title.en}. Has `khue seed reference` run?") from None
    console.print(f"{subject} administers the city{'' if made else ' already'}.")
