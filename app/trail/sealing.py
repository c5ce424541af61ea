"""Sealing: once a day is over and settled, its entries become the leaves of a tree whose root is signed and chained."""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from joserfc import jws
from sqlalchemy import ARRAY, Row, Uuid, any_, cast, delete, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import merkle, signing_keys
from app.core.audit import AuditEntry
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.tokens import SigningKey
from app.trail import rules
from app.trail.models import TrailDay, TrailLeaf, TrailPending
from app.trail.rules import Record

LOCK = 7_265_735
CHUNK = rules.BLOCK
"""Entries at once: some megabytes, and some 20 ms in which the loop does nothing else."""
ADD_LEAVES = insert(TrailLeaf.metadata.tables[TrailLeaf.__tablename__])
SETTLE_S, LOOK_AGAIN_S = 20.0, 0.1


class NotSettled(Exception):
    """A transaction that may have begun in the day is still open."""


async def seal_next(database: Database, crypto: Crypto, issuer: str, now: datetime) -> date | None:
    """Seal the oldest day that waits; None if none does. Several at once seal it once. Raises NotSettled."""
    async with database.transaction() as db:
        if await next_day(db, now) is None:
            return None
    await _settle(database)
    async with database.transaction() as db:
        await db.execute(select(func.pg_advisory_xact_lock(LOCK)))
        await db.execute(text("SET LOCAL statement_timeout = 0"))
        day = await next_day(db, now)
        if day is not None:
            await _seal(db, await _signer(db, crypto), issuer, day)
        return day


async def next_day(db: AsyncSession, now: datetime) -> date | None:
    """The first day of the chain takes in all that was before it."""
    last = await db.scalar(select(func.max(TrailDay.day)))
    if not rules.days_due(last, now):
        return None
    return rules.last_over(now) if last is None else date.fromordinal(last.toordinal() + 1)


async def _settle(database: Database) -> None:
    """Wait until every transaction that writes now has ended: after that, none of the day is still to come.

    The fence is a transaction of its own; a snapshot's `xmax` would not do, as the newest that runs may be just that.
    """
    fence: str = await database.hot.fetchval("SELECT pg_current_xact_id()::text")
    over = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8"
    until = asyncio.get_running_loop().time() + SETTLE_S
    while not await database.hot.fetchval(over, fence):
        if asyncio.get_running_loop().time() > until:
            raise NotSettled("a transaction has been open for too long")
        await asyncio.sleep(LOOK_AGAIN_S)


async def _seal(db: AsyncSession, signer: SigningKey, issuer: str, day: date) -> None:
    before = await db.scalar(select(TrailDay).order_by(TrailDay.day.desc()).limit(1))
    if before is None:
        every = pg_insert(TrailPending).from_select(["entry_id"], select(AuditEntry.id))
        await db.execute(every.on_conflict_do_nothing())  # those from before there was a trigger
    ends: list[UUID] = []
    count, open_block, blocks = 0, list[bytes](), bytearray()
    async for entries in _pending(db, day):
        leaves = _leaves(day, count, entries)
        await db.execute(ADD_LEAVES, leaves)
        count += len(leaves)
        ends = [*ends[:1], leaves[0]["entry_id"], leaves[-1]["entry_id"]]
        open_block += [leaf["hash"] for leaf in leaves]
        while len(open_block) >= rules.BLOCK:
            blocks += merkle.root(open_block[: rules.BLOCK])
            del open_block[: rules.BLOCK]
    blocks += merkle.root(open_block) if open_block else b""
    record = Record(
        iss=issuer,
        day=day,
        form=rules.FORM,
        count=count,
        first=ends[0] if ends else None,
        last=ends[-1] if ends else None,
        root=merkle.root(block_roots(blocks)).hex(),
        previous=(rules.link_of(payload_of(before.jws)) if before else rules.GENESIS).hex(),
    )
    db.add(_signed(record, signer, bytes(blocks)))
    mine = select(literal(1)).where(TrailLeaf.day == day, TrailLeaf.entry_id == TrailPending.entry_id)
    no_copy = {"synchronize_session": False}  # else every id would come here
    await db.execute(delete(TrailPending).where(mine.exists()), execution_options=no_copy)


async def _pending(db: AsyncSession, day: date) -> AsyncGenerator[Sequence[Row[Any]]]:
    """What is to be sealed with this day, in the order of ids, in chunks."""
    seen = UUID(int=0)
    waiting = select(TrailPending.entry_id).order_by(TrailPending.entry_id).limit(CHUNK)
    while ids := (await db.scalars(waiting.where(TrailPending.entry_id > seen))).all():
        mine = select(*AuditEntry.__table__.columns).where(AuditEntry.id == any_(cast(ids, ARRAY(Uuid))))
        entries = (await db.execute(mine.where(AuditEntry.at < rules.end_of(day)).order_by(AuditEntry.id))).all()
        if entries:
            yield entries
        seen = ids[-1]


def _leaves(day: date, position: int, entries: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    salts = os.urandom(rules.SALT * len(entries))
    found: list[dict[str, Any]] = []
    for number, entry in enumerate(entries):
        salt = salts[number * rules.SALT : (number + 1) * rules.SALT]
        hashed = rules.hash_of(rules.text_of(entry, salt), salt)
        found.append({"day": day, "position": position + number, "entry_id": entry.id, "salt": salt, "hash": hashed})
    return found


def _signed(record: Record, signer: SigningKey, blocks: bytes) -> TrailDay:
    header = {"alg": "ES256", "typ": rules.TYP, "kid": signer.kid}
    return TrailDay(
        day=record.day,
        first=record.first,
        last=record.last,
        count=record.count,
        root=bytes.fromhex(record.root),
        previous=bytes.fromhex(record.previous),
        kid=signer.kid,
        jws=jws.serialize_compact(header, rules.payload_of(record), signer.key, algorithms=["ES256"]),
        blocks=blocks,
        sealed_at=datetime.now(UTC),
    )


async def _signer(db: AsyncSession, crypto: Crypto) -> SigningKey:
    """A worker may be the first process of a city."""
    await signing_keys.ensure(db, crypto)
    return next(key for key in await signing_keys.read(db, crypto, signing_keys.TRAIL) if key.signs)


def block_roots(blocks: bytes | bytearray) -> list[bytes]:
    size = hashlib.sha256().digest_size
    return [bytes(blocks[n : n + size]) for n in range(0, len(blocks), size)]


def payload_of(compact: str) -> bytes:
    """What a record says, as it was signed; whether the signature is good is another question."""
    return jws.extract_compact(compact.encode()).payload
