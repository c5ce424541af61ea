"""`khue jobs`."""

from uuid import UUID

import click
from rich.table import Column, Table

from app.cli.shell import console, the_settings, with_database
from app.core import outbox
from app.core.db import Database


@click.group()
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
    for one in with_database(the_settings(), ask):
        table.add_row(str(one.id), one.job, str(one.failures), f"{one.died_at:%Y-%m-%d %H:%M:%S}", one.error[:80])
    console.print(table if table.row_count else "No dead letters.")


@jobs.command("show")
@click.argument("job_id", type=click.UUID)
def show_job(job_id: UUID) -> None:
    """One dead letter with all it knows."""

    async def ask(database: Database) -> outbox.DeadLetter | None:
        async with database.transaction() as session:
            return await outbox.show_dead(session, job_id)

    found = with_database(the_settings(), ask)
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

    console.print(f"{with_database(the_settings(), do)} put back.")
