"""What `khue` can do. Errors of set-up are sentences; a traceback here is a defect."""

import asyncio
import os
import shutil
import signal
import sys

import click
import msgspec

from app.cli import doctor as doctors
from app.cli import setup
from app.cli.audit import audit
from app.cli.doors import doors
from app.cli.home import ROOT, Home
from app.cli.jobs import jobs
from app.cli.keys import keys
from app.cli.officers import administrator
from app.cli.process import CannotStart, looks
from app.cli.shell import Sentences, console, the_settings, with_database
from app.cli.up import City, stop_leftovers
from app.main.documents import documents
from seeds import city, load

DOWN_S = 60.0


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
    setup.migrate(the_settings().database_url)
    console.print(f"The schema is at {setup.head()}.")


@main.command()
@click.argument("what", type=click.Choice(["reference", "demo"]))
@click.option("--overwrite", is_flag=True, help="Also undo what the city edited (reference).")
def seed(what: str, overwrite: bool) -> None:  # noqa: FBT001
    """Load reference data, or make the demo city. Both may be run again."""
    chosen = the_settings()
    if what == "reference":
        with console.status("Loading …"):
            loaded = with_database(chosen, lambda database: load.load(database, overwrite=overwrite))
        for table, rows in loaded.items():
            console.print(f"{rows:6,} {table}")
    else:
        with console.status("Making residents, officers and three months of tickets …"):
            made = with_database(chosen, lambda database: city.make(database, chosen))
        console.print("The demo city is made." if made else "The demo city is there already.")


for command in (administrator, audit, doors, jobs, keys):
    main.add_command(command)


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


def _become(module: str, *arguments: str) -> None:
    """Run another module in the city's environment; it hears the signals itself."""
    environment = Home().environment() | {"PYTHONPATH": str(ROOT)}
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)  # noqa: S606
