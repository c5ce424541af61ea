"""What `khue` can do. Errors of set-up are sentences; a traceback here is a defect."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import asyncpg
import click
import msgspec
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy.exc import DBAPIError

from app.cli import doctor as doctors
from app.cli import setup
from app.cli.audit import audit
from app.cli.home import ROOT, Home
from app.cli.process import CannotStart, looks
from app.cli.up import City, stop_leftovers
from app.core import db, outbox, settings
from app.core.db import CannotConnect, Database
from app.core.jobs import all_jobs
from app.core.settings import Settings, SettingsWrong
from app.main.documents import documents
from app.main.doors import DOORS
from seeds import city, load
from seeds.city import NotEmpty

T = TypeVar("T")

DOWN_S = 60.0

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


@click.group(cls=Sentences)
def main() -> None:
    """Khuê: the backend of a city's citizen super-app."""


@main.command()
@click.option("--no-demo", is_flag=True, help="Leave the city empty of demo residents and tickets.")
def up(no_demo: bool) -> None:  # noqa: FBT001
    """Run a whole city here: PostgreSQL, Valkey, API, workers, sandbox."""
    home = Home()
    with home.lock():
        City(home, console, demo=not no_demo).run()


@main.command()
def down() -> None:
    """Stop what `khue up` runs; the data is kept."""
    home = Home()
    pid = home.running_pid()
    if pid is None:
        left = stop_leftovers(home)
        console.print(f"Ended what was left running: {', '.join(left)}." if left else "Nothing is running here.")
        return
    os.kill(pid, signal.SIGTERM)
    for _ in looks(DOWN_S):
        if home.running_pid() is None:
            console.print("Stopped; the data is kept.")
            return
    raise CannotStart(f"Process {pid} does not stop.")


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:  # noqa: FBT001
    """Throw this clone's data away: database, photos, keys, ports."""
    home = Home()
    if home.running_pid() is not None:
        raise CannotStart("The city is up; stop it first with `khue down`.")
    if not yes:
        click.confirm(f"Delete everything in {home.folder} and {home.servers}?", abort=True)
    stop_leftovers(home)
    for folder in {home.folder, home.servers}:
        shutil.rmtree(folder, ignore_errors=True)
    console.print("Gone. `khue up` makes a new city.")


@main.command()
def doctor() -> None:
    """Say what is wrong with this set-up and how to mend it."""
    if not doctors.show(console, asyncio.run(doctors.examine(Home().environment()))):
        sys.exit(1)


@main.command()
def api() -> None:
    """Run one API process."""
    _become("app.main")


@main.command()
def worker() -> None:
    """Run one worker process."""
    _become("workers")


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the stand-ins of the outside world (`--help` is theirs)."""
    _become("sandbox", *arguments)


@main.command()
@click.option("--sql", is_flag=True, help="Only write the statements.")
def migrate(sql: bool) -> None:  # noqa: FBT001
    """Bring the schema to its newest version."""
    if sql:
        setup.write_sql()
        return
    setup.migrate(_settings().database_url)
    console.print(f"The schema is at {setup.head()}.")


@main.command()
@click.argument("what", type=click.Choice(["reference", "demo"]))
@click.option("--overwrite", is_flag=True, help="Also undo what the city edited (reference).")
def seed(what: str, overwrite: bool) -> None:  # noqa: FBT001
    """Load reference data, or make the demo city. Both may be run again."""
    chosen = _settings()
    if what == "reference":
        with console.status("Loading …"):
            loaded = _with_database(chosen, lambda database: load.load(database, overwrite=overwrite))
        for table, rows in loaded.items():
            console.print(f"{rows:6,} {table}")
    else:
        with console.status("Making residents, officers and three months of tickets …"):
            made = _with_database(chosen, lambda database: city.make(database, chosen))
        console.print("The demo city is made." if made else "The demo city is there already.")


@main.group()
def jobs() -> None:
    """Jobs that failed for good: list, show, replay."""


@jobs.command("list")
@click.option("--job", help="Only this job.")
def list_jobs(job: str | None) -> None:
    """The dead letters, the newest first."""

    async def ask(database: Database) -> list[outbox.DeadLetter]:
        async with database.transaction() as session:
            return list(await outbox.list_dead(session, job))

    table = Table(Column("id", no_wrap=True), "job", "failures", "died", "error", box=None)
    for one in _with_database(_settings(), ask):
        table.add_row(str(one.id), one.job, str(one.failures), f"{one.died_at:%Y-%m-%d %H:%M:%S}", one.error[:80])
    console.print(table if table.row_count else "No dead letters.")


@jobs.command("show")
@click.argument("job_id", type=click.UUID)
def show_job(job_id: UUID) -> None:
    """One dead letter with all it knows."""

    async def ask(database: Database) -> outbox.DeadLetter | None:
        async with database.transaction() as session:
            return await outbox.show_dead(session, job_id)

    found = _with_database(_settings(), ask)
    if found is None:
        raise click.ClickException(f"No dead letter {job_id}.")
    for column in outbox.DeadLetter.__table__.columns:
        console.print(f"[bold]{column.key}[/] {getattr(found, column.key)}")


@jobs.command("replay")
@click.argument("job_ids", nargs=-1, type=click.UUID)
@click.option("--job", help="All dead letters of this job.")
@click.option("--all", "every", is_flag=True, help="All dead letters.")
def replay_jobs(job_ids: tuple[UUID, ...], job: str | None, every: bool) -> None:  # noqa: FBT001
    """Put dead letters back into the outbox, with all their tries again."""
    if not (job_ids or job or every):
        raise click.UsageError("Name ids, --job or --all.")

    async def do(database: Database) -> int:
        async with database.transaction() as session:
            dead = await outbox.list_dead(session, job, limit=10_000)
            unknown = set(job_ids) - {one.id for one in dead}
            if unknown:
                raise click.ClickException(f"No dead letter {', '.join(map(str, sorted(unknown)))}.")
            return await outbox.replay(session, [one for one in dead if not job_ids or one.id in job_ids])

    console.print(f"{_with_database(_settings(), do)} put back.")


@main.command()
def doors() -> None:
    """Every door with its handlers."""
    table = Table("door", "method", Column("path", no_wrap=True), Column("handler", overflow="fold"), box=None)
    for door in DOORS:
        for handler in door.handlers:
            for path in sorted(handler.paths):
                methods = ", ".join(sorted(str(method) for method in handler.http_methods))
                table.add_row(door.audience, methods, door.path + path, handler.handler_name)
    console.print(table)
    console.print(f"Jobs: {', '.join(sorted(all_jobs()))}")


main.add_command(audit)


@main.command()
@click.option("--check", is_flag=True, help="Only say whether the committed documents are the generated ones.")
def openapi(check: bool) -> None:  # noqa: FBT001
    """Write the OpenAPI documents, one an audience."""
    stale: list[str] = []
    for audience, document in documents().items():
        path = ROOT / "openapi" / f"{audience}.json"
        text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
        if not path.exists() or path.read_text() != text:
            stale.append(audience)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    if check and stale:
        raise click.ClickException(f"Not as generated: {', '.join(stale)}. Run `khue openapi` and look at the change.")
    console.print(f"{'Written' if stale else 'Unchanged'}: {', '.join(stale) or 'all documents'}.")


def _settings() -> Settings:
    return settings.load(Home().environment())


def _become(module: str, *arguments: str) -> None:
    """Run another module in the city's environment; it hears the signals itself."""
    environment = Home().environment() | {"PYTHONPATH": str(ROOT)}
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)  # noqa: S606


def _with_database(chosen: Settings, do: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = await db.connect(chosen)
        try:
            return await do(database)
        finally:
            await database.close()

    return asyncio.run(run())
