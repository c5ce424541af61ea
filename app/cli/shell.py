"""What every command stands on: the screen, the settings, the database, and errors as sentences."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import click
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from app.cli.home import Home
from app.cli.process import CannotStart
from app.core import db, settings
from app.core.db import CannotConnect, Database
from app.core.settings import Settings, SettingsWrong
from seeds.city import NotEmpty

T = TypeVar("T")

console = Console(highlight=False)


class Sentences(click.Group):
    """Turns what can go wrong with a set-up into a sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (CannotStart, CannotConnect, NotEmpty, SettingsWrong) as wrong:
            raise click.ClickException(f"{wrong}\n`khue doctor` may say more.") from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as wrong:
            said = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
            raise click.ClickException(f"{said}\n`khue doctor` may say more.") from None


def the_settings() -> Settings:
    return settings.load(Home().environment())


def with_database(chosen: Settings, do: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = await db.connect(chosen)
        try:
            return await do(database)
        finally:
            await database.close()

    return asyncio.run(run())
