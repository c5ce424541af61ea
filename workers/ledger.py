"""The outbox as the workers see it: hand over, take, finish, fail, take over from the dead. Every step is one statement and
fenced by (id, attempt): who holds an older attempt has lost the job and changes nothing."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from app.core.db import Database, Row
from app.core.jobs import Job, Lane

HAND_SQL = """
WITH due AS (
    SELECT id FROM outbox WHERE state = 'waiting' AND lane = $1 AND due_at <= now() ORDER BY due_at
    LIMIT greatest($2 - (SELECT count(*) FROM outbox WHERE state = 'handed' AND lane = $1), 0)
    FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET state = 'handed', attempt = attempt + 1, handed_at = now()
FROM due WHERE o.id = due.id RETURNING o.id, o.lane, o.attempt
"""

BACK_SQL = "UPDATE outbox SET state = 'waiting' WHERE id = $1 AND attempt = $2 AND state = 'handed'"

TAKE_SQL = """
UPDATE outbox SET state = 'running', worker_id = $3, started_at = now()
WHERE id = $1 AND attempt = $2 AND state = 'handed'
RETURNING id, job, args, due_at, failures, error, trace
"""

DONE_SQL = "DELETE FROM outbox WHERE id = $1 AND attempt = $2 AND state = 'running'"

AGAIN_SQL = """
UPDATE outbox SET state = 'waiting', failures = failures + 1, due_at = $3, error = $4, worker_id = NULL
WHERE id = $1 AND attempt = $2 AND state = 'running'
"""

DEAD_SQL = """
WITH gone AS (DELETE FROM outbox WHERE id = $1 AND attempt = $2 RETURNING *)
INSERT INTO dead_letter (id, job, lane, args, created_at, died_at, failures, error)
SELECT id, job, lane, args, created_at, now(), failures + 1, $3 FROM gone
ON CONFLICT (id) DO UPDATE SET died_at = excluded.died_at, failures = excluded.failures, error = excluded.error
"""

DIED_SQL = """
UPDATE outbox o SET state = 'waiting', worker_id = NULL, failures = failures + 1, error = 'its worker died'
WHERE state = 'running' AND NOT EXISTS (
    SELECT FROM worker w WHERE w.id = o.worker_id AND w.seen_at > now() - $1 * interval '1 second')
RETURNING id
"""

LOST_SQL = """
UPDATE outbox SET state = 'waiting', worker_id = NULL
WHERE (state = 'handed' AND handed_at < now() - $1 * interval '1 second')
   OR (state = 'running' AND worker_id = $2 AND started_at < now() - $1 * interval '1 second' AND id <> ALL($3::uuid[]))
RETURNING id
"""

BEAT_SQL = """
INSERT INTO worker (id, name, started_at, seen_at, done, failed) VALUES ($1, $2, now(), now(), $3, $4)
ON CONFLICT (id) DO UPDATE SET seen_at = now(), done = excluded.done, failed = excluded.failed
"""

RELEASE_SQL = """
WITH gone AS (DELETE FROM worker WHERE id = $1)
UPDATE outbox SET state = 'waiting', worker_id = NULL WHERE worker_id = $1 AND state = 'running'
"""

DEPTHS_SQL = """
SELECT lane, 'waiting' AS state,
    (SELECT count(*) FROM outbox o WHERE o.state = 'waiting' AND o.lane = l.lane AND due_at <= now()) AS rows
FROM unnest($1::text[]) AS l(lane)
UNION ALL
SELECT lane, state, count(*) FROM outbox WHERE state <> 'waiting' GROUP BY 1, 2
"""

SCHEDULE_SQL = """
WITH slot AS (
    INSERT INTO schedule_slot AS s (job, at) VALUES ($2, $4)
    ON CONFLICT (job) DO UPDATE SET at = excluded.at WHERE s.at < excluded.at RETURNING at
)
INSERT INTO outbox (id, job, lane, args, due_at, created_at)
SELECT $1, $2, $3, '{}', at, now() FROM slot ON CONFLICT DO NOTHING
"""

BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 600.0


class Handed(Struct, frozen=True):
    id: UUID
    lane: str
    attempt: int


class Ledger:
    def __init__(self, database: Database, worker_id: UUID) -> None:
        self._hot = database.hot
        self.worker_id = worker_id

    async def hand_over(self, lane: Lane, most: int) -> list[Handed]:
        """Mark due rows of a lane as handed, `most` in all at any time; several relays at once share them."""
        rows = await self._hot.fetch(HAND_SQL, lane, most)
        return [Handed(row["id"], row["lane"], row["attempt"]) for row in rows]

    async def give_back(self, handed: Sequence[Handed]) -> None:
        """Redis did not take them: they wait again."""
        for one in handed:
            await self._hot.execute(BACK_SQL, one.id, one.attempt)

    async def take(self, job_id: UUID, attempt: int) -> Row | None:
        """The job, or None if it is done, taken or handed anew."""
        return await self._hot.fetchrow(TAKE_SQL, job_id, attempt, self.worker_id)

    async def done(self, job_id: UUID, attempt: int) -> None:
        await self._hot.execute(DONE_SQL, job_id, attempt)

    async def again(self, job_id: UUID, attempt: int, failures: int, error: str) -> None:
        due_at = datetime.now(UTC) + timedelta(seconds=backoff_s(failures))
        await self._hot.execute(AGAIN_SQL, job_id, attempt, due_at, error[:500])

    async def dead(self, job_id: UUID, attempt: int, error: str) -> None:
        await self._hot.execute(DEAD_SQL, job_id, attempt, error[:500])

    async def take_back(self, dead_after_s: float, lost_after_s: float, under_way: Sequence[UUID] = ()) -> int:
        """What waits again: rows of workers not heard of (that counts as a failure: the job may be what killed them),
        rows handed to a queue that lost them, and rows of this worker that it is no longer at (it could not write down
        their end)."""
        died = await self._hot.fetch(DIED_SQL, dead_after_s)
        lost = await self._hot.fetch(LOST_SQL, lost_after_s, self.worker_id, list(under_way))
        return len(died) + len(lost)

    async def beat(self, name: str, done: int, failed: int) -> None:
        await self._hot.execute(BEAT_SQL, self.worker_id, name, done, failed)

    async def release(self) -> None:
        """A clean stop: what was not finished is for another worker, now."""
        await self._hot.execute(RELEASE_SQL, self.worker_id)

    async def depths(self) -> list[Row]:
        """How many rows are due or out, by lane and state; what waits for its time is not counted."""
        return await self._hot.fetch(DEPTHS_SQL, list(Lane))

    async def last_sealed(self) -> date | None:
        """The newest day of the trail that is sealed."""
        return await self._hot.fetchval("SELECT max(day) FROM trail_day")

    async def schedule(self, job: Job, slot_id: UUID, at: datetime) -> None:
        """Start a period's run once, whoever comes first."""
        await self._hot.execute(SCHEDULE_SQL, slot_id, job.name, job.lane, at)


def backoff_s(failures: int) -> float:
    """1, 2, 4 … seconds, ten minutes at most, each shifted by up to a half so that retries do not march in step."""
    return min(BACKOFF_FIRST_S * 2**failures, BACKOFF_MOST_S) * random.uniform(0.5, 1.0)  # noqa: S311
