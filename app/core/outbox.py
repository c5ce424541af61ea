"""The outbox: a job is a row written in the transaction of its cause, so that it is due exactly if the cause happened.

PostgreSQL is the truth of every job; Redis and arq only carry. A row is `waiting` until the relay hands it over, `handed`
until a worker takes it, `running` until the worker records its end and the row goes. Jobs carry ids, never payloads.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core import telemetry
from app.core.db import Base
from app.core.ids import new_id
from app.core.jobs import Job, Lane, all_jobs

CHANNEL = "khue_outbox"
"""A trigger notifies it once a statement that inserts (migration 0001): the relay wakes when the transaction commits."""


class Outbox(Base):
    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(f"lane IN ({', '.join(repr(str(lane)) for lane in Lane)})", name="lane"),
        CheckConstraint("state IN ('waiting', 'handed', 'running')", name="state"),
        Index("outbox_waiting_idx", "lane", "due_at", postgresql_where=text("state = 'waiting'")),
        Index("outbox_out_idx", "lane", "state", postgresql_where=text("state <> 'waiting'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job: Mapped[str]
    lane: Mapped[str]
    args: Mapped[dict[str, Any]]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    """Counts hand-overs; a worker that holds an older number has lost the job."""
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    worker_id: Mapped[UUID | None]
    handed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    error: Mapped[str | None]
    trace: Mapped[str] = mapped_column(server_default="")


class DeadLetter(Base):
    """A job that kept failing, with the reason of the last failure."""

    __tablename__ = "dead_letter"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(index=True)
    lane: Mapped[str]
    args: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    died_at: Mapped[datetime]
    failures: Mapped[int]
    error: Mapped[str]


class WorkerRow(Base):
    """One running worker process and when it was last heard of."""

    __tablename__ = "worker"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    done: Mapped[int]
    failed: Mapped[int]


class ScheduleSlot(Base):
    """The last period for which the clock started a job."""

    __tablename__ = "schedule_slot"

    job: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


def put(db: AsyncSession, job: Job, *, due_at: datetime | None = None, id: UUID | None = None, **ids: Any) -> UUID:  # noqa: A002
    """A job to run once this transaction has committed, not before `due_at`."""
    row = row_of(job, due_at=due_at, id=id, **ids)
    db.add(row)
    return row.id


def row_of(job: Job, *, due_at: datetime | None = None, id: UUID | None = None, **ids: Any) -> Outbox:  # noqa: A002
    now = datetime.now(UTC)
    return Outbox(
        id=id or new_id(),
        job=job.name,
        lane=job.lane,
        args={name: str(value) if isinstance(value, UUID) else value for name, value in ids.items()},
        due_at=due_at or now,
        created_at=now,
        state="waiting",
        attempt=0,
        failures=0,
        trace=telemetry.trace_parent(),
    )


async def put_again(db: AsyncSession, job: Job, *, due_at: datetime, **ids: UUID) -> None:
    """As `put`, for the next look of a job that looks again and again: if one of the same ids waits already, that is the next.

    The caller holds a lock on what the ids name, so that of two at once one puts it.
    """
    same = Outbox.args.contains({name: str(value) for name, value in ids.items()})
    waiting = select(Outbox.id).where(Outbox.job == job.name, Outbox.lane == job.lane, Outbox.state == "waiting", same)
    if await db.scalar(waiting.limit(1)) is None:
        put(db, job, due_at=due_at, **ids)


async def drop(db: AsyncSession, job: Job, name: str, ids: Sequence[UUID]) -> None:
    """Have jobs that name one of these not done any more; one that a worker is at goes on."""
    named = Outbox.args[name].astext.in_([str(one) for one in ids])
    await db.execute(delete(Outbox).where(Outbox.job == job.name, Outbox.state != "running", named))


async def forget_workers(db: AsyncSession) -> None:
    """Processes not heard of for a day."""
    await db.execute(delete(WorkerRow).where(WorkerRow.seen_at < datetime.now(UTC) - timedelta(days=1)))


async def list_dead(db: AsyncSession, job: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
    """The newest first."""
    query = select(DeadLetter).order_by(DeadLetter.died_at.desc()).limit(limit)
    return (await db.scalars(query.where(DeadLetter.job == job) if job else query)).all()


async def show_dead(db: AsyncSession, dead_id: UUID) -> DeadLetter | None:
    return await db.get(DeadLetter, dead_id)


async def replay(db: AsyncSession, dead: Sequence[DeadLetter]) -> int:
    """Put dead jobs back, with all their tries again; those whose job no longer exists stay."""
    known = [one for one in dead if one.job in all_jobs()]
    now = datetime.now(UTC)
    for one in known:
        await db.execute(delete(DeadLetter).where(DeadLetter.id == one.id))
        await db.execute(
            insert(Outbox).values(
                id=one.id, job=one.job, lane=one.lane, args=one.args, due_at=now, created_at=one.created_at
            )
        )
    return len(known)
