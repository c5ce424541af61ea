"""The trail proved from the database and the public keys: every record, every leaf, every entry, and what is missing."""

from collections.abc import AsyncGenerator, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Struct
from sqlalchemy import Row, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.core import merkle, signing_keys
from app.core.audit import AuditEntry
from app.trail import rules, sealing
from app.trail.models import TrailDay, TrailLeaf, TrailPending
from app.trail.rules import Record

LISTED_MAX = 20
"""Entries that are named one by one where they are not where they belong."""


class Finding(Struct, frozen=True):
    """What is wrong, in words."""

    day: date | None
    entry_id: UUID | None
    said: str


class Sealed(Struct):
    """One day as it was walked."""

    row: TrailDay
    record: Record
    is_first: bool
    entries: int = 0


async def verify(
    db: AsyncSession, since: date | None = None, until: date | None = None
) -> AsyncGenerator[Finding | Sealed]:
    """Walk the chain from one day to another, both included; every day that was walked, and before it what is wrong with it.

    Must be the first in its transaction: it looks at one moment.
    """
    await db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    await db.execute(text("SET LOCAL statement_timeout = 0"))
    keys = {one["kid"]: ECKey.import_key(one) for one in await signing_keys.public(db, signing_keys.TRAIL)}
    chain = (await db.scalars(select(TrailDay.day).order_by(TrailDay.day))).all()
    before = await _day(db, max((day for day in chain if since and day < since), default=None))
    for day in chain:
        if (since and day < since) or (until and day > until):
            continue
        row = await db.get_one(TrailDay, day, options=[undefer(TrailDay.blocks)])
        record, wrong = _signed(row, keys)
        for finding in [*wrong, *_linked(row, before)]:
            yield finding
        if record is not None:
            sealed = Sealed(row, record, is_first=day == chain[0])
            async for finding in _leaves(db, sealed):
                yield finding
            yield sealed
        before = row
        db.expunge(row)
    for finding in await _outside(db, chain, since, until):
        yield finding


def _linked(row: TrailDay, before: TrailDay | None) -> list[Finding]:
    if before is None:
        if row.previous == rules.GENESIS:
            return []
        return [Finding(row.day, None, "it says that days were sealed before it, and they are missing.")]
    if row.day - before.day > timedelta(days=1):
        missing = before.day + timedelta(days=1)
        return [Finding(missing, None, f"it is missing from the chain, which goes on at {row.day}.")]
    if row.previous != _link_of(before):
        return [
            Finding(row.day, None, f"it does not follow {before.day}: one of the two records is another than it was.")
        ]
    return []


def _link_of(row: TrailDay) -> bytes:
    """Empty for what is no record at all."""
    try:
        return rules.link_of(sealing.payload_of(row.jws))
    except (JoseError, ValueError):
        return b""


def _signed(row: TrailDay, keys: dict[str, ECKey]) -> tuple[Record | None, list[Finding]]:
    """What was signed, if it was."""
    if row.kid not in keys:
        return None, [Finding(row.day, None, f"it is signed with the key {row.kid}, which is none of the trail's.")]
    try:
        read = jws.deserialize_compact(row.jws, keys[row.kid], algorithms=["ES256"])
        record = msgspec.json.decode(read.payload, type=Record)
    except (JoseError, ValueError, msgspec.MsgspecError):
        return None, [Finding(row.day, None, f"its signature is not one of the key {row.kid}.")]
    shown = (row.day, row.count, row.first, row.last, row.root.hex(), row.previous.hex())
    if shown != (record.day, record.count, record.first, record.last, record.root, record.previous):
        return record, [Finding(row.day, None, "its row says something else than what was signed.")]
    return record, []


async def _leaves(db: AsyncSession, sealed: Sealed) -> AsyncGenerator[Finding]:
    """Entry by entry, block by block; that a whole is wrong is said only where no part of it is."""
    day, found, blocks, last = sealed.record.day, False, list[bytes](), UUID(int=0)
    kept = sealing.block_roots(sealed.row.blocks)
    async for block in _blocks(db, day):
        for leaf in block:
            said = _entry(sealed, leaf, last)
            last = leaf.entry_id
            if said:
                found = True
                yield Finding(day, leaf.entry_id, said)
            sealed.entries += 1
        blocks.append(merkle.root([leaf.hash for leaf in block]))
        if not found and kept[len(blocks) - 1 : len(blocks)] != blocks[-1:]:
            found = True
            span = f"{block[0].entry_id} and {block[-1].entry_id}"
            yield Finding(day, None, f"between the entries {span} something is another than it was, leaves included.")
    if not found and sealed.entries != sealed.record.count:
        yield Finding(day, None, f"{sealed.record.count} entries were sealed, and {sealed.entries} are there.")
    elif not found and merkle.root(blocks).hex() != sealed.record.root:
        yield Finding(day, None, "its entries do not lead to the root that was signed.")


async def _blocks(db: AsyncSession, day: date) -> AsyncGenerator[Sequence[Row[Any]]]:
    seen = -1
    query = (
        select(TrailLeaf.position, TrailLeaf.entry_id, TrailLeaf.salt, TrailLeaf.hash, *AuditEntry.__table__.columns)
        .outerjoin(AuditEntry, AuditEntry.id == TrailLeaf.entry_id)
        .where(TrailLeaf.day == day)
        .order_by(TrailLeaf.position)
        .limit(rules.BLOCK)
    )
    while block := (await db.execute(query.where(TrailLeaf.position > seen))).all():
        yield block
        seen = block[-1].position


def _entry(sealed: Sealed, leaf: Row[Any], last: UUID) -> str:
    """What is wrong with one entry; empty if nothing is."""
    if leaf.position != sealed.entries:
        return f"place {sealed.entries} before it is empty: an entry was taken out of the trail."
    if leaf.id is None:
        return "it was removed after it was sealed."
    if rules.hash_of(rules.text_of(leaf, leaf.salt), leaf.salt) != leaf.hash:
        return "it was changed after it was sealed."
    if leaf.entry_id <= last:
        return "it is not at its place: entries were put into another order."
    if leaf.at >= rules.end_of(sealed.record.day):
        return "it was sealed with a day before its own."
    if not sealed.is_first and leaf.at < rules.end_of(sealed.record.day - timedelta(days=1)):
        return f"it says {rules.moment(leaf.at)}, and came in when that day was sealed already (or a clock was wrong)."
    return ""


async def _outside(db: AsyncSession, chain: Sequence[date], since: date | None, until: date | None) -> list[Finding]:
    """Leaves without a day, and entries that no day holds though they should be held."""
    if not chain:
        return []
    no_day = select(TrailLeaf.day).where(~exists().where(TrailDay.day == TrailLeaf.day)).limit(1)
    orphan = await db.scalar(no_day)
    found = [Finding(orphan, None, "its entries were sealed, and its record is missing.")] if orphan else []
    last = min(chain[-1], until or chain[-1])
    waits = exists().where(TrailPending.entry_id == AuditEntry.id)
    loose = select(AuditEntry.id, AuditEntry.at, waits.label("waits")).where(
        ~exists().where(TrailLeaf.entry_id == AuditEntry.id), ~waits | (AuditEntry.at < rules.end_of(last))
    )
    if since:
        loose = loose.where(AuditEntry.at >= rules.end_of(since - timedelta(days=1)))
    if until:
        loose = loose.where(AuditEntry.at < rules.end_of(until))
    many = await db.scalar(select(func.count()).select_from(loose.subquery())) or 0
    for row in await db.execute(loose.order_by(AuditEntry.id).limit(LISTED_MAX)):
        said = f"it says {rules.moment(row.at)}, and came in when that day was sealed already (or a clock was wrong)."
        found.append(Finding(row.at.date(), row.id, said if row.waits else "it is neither sealed nor waits to be."))
    nothing = select(TrailPending.entry_id).where(~exists().where(AuditEntry.id == TrailPending.entry_id))
    gone = await db.scalars(nothing.limit(LISTED_MAX))
    found += [Finding(None, entry_id, "it was removed before it was sealed.") for entry_id in gone]
    if many > LISTED_MAX:
        found.append(Finding(None, None, f"{many - LISTED_MAX} more entries are in no day."))
    return found


async def _day(db: AsyncSession, day: date | None) -> TrailDay | None:
    return await db.get(TrailDay, day) if day else None
