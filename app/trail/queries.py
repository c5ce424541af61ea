"""Reads of the trail: what a resident sees of it, proofs, and the sealed days."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.accounts import queries as accounts
from app.core import merkle, pages
from app.core.audit import AuditEntry
from app.core.principals import Citizen
from app.departments.directory import Directory
from app.departments.models import OfficerGrant, Role
from app.trail import rules, sealing
from app.trail.models import TrailDay, TrailLeaf, TrailWord
from app.trail.rules import By, NoSuchAccess, NoSuchDay, NotSealedYet
from app.trail.schemas import AccessOut, DayOut, ProofOut, SubjectOut, UnitOut

FORMAT = "khue-trail-proof/1"
UNKNOWN = {
    "action": ("Đã xem hoặc thay đổi dữ liệu của bạn ({code})", "Read or changed your data ({code})"),
    "subject": ("{code}", "{code}"),
}
"""What is said where nobody wrote words yet."""


def visible_to(citizen: Citizen, mine: Sequence[UUID]) -> Select[AuditEntry]:
    """Where every read starts: what was done to one's data, and what one did oneself."""
    own = and_(AuditEntry.actor_kind == "citizen", AuditEntry.actor_id == citizen.id)
    return select(AuditEntry).where(AuditEntry.account_id.in_(mine) | own)


async def accesses(
    db: AsyncSession,
    citizen: Citizen,
    by: By | None,
    since: datetime | None,
    until: datetime | None,
    cursor: str | None,
    limit: int,
) -> Sequence[AuditEntry]:
    """Who looked at or changed a resident's data, the newest first; their own acts only if asked for. Raises BadCursor."""
    mine = await accounts.same_person(db, citizen.id)
    query = select(AuditEntry).where(AuditEntry.account_id.in_(mine), _by(by, mine))
    if since:
        query = query.where(AuditEntry.at >= since)
    if until:
        query = query.where(AuditEntry.at < until)
    page = pages.after(query, [(AuditEntry.id, UUID)], cursor, descending=True)
    return (await db.scalars(page.limit(limit + 1))).all()


def _by(by: By | None, mine: Sequence[UUID]) -> ColumnElement[bool]:
    kind, own = AuditEntry.actor_kind, AuditEntry.actor_id.in_(mine)
    match by:
        case None:
            return or_(kind.in_(("officer", "partner")), and_(kind == "citizen", ~own))
        case By.DELEGATE:
            return and_(kind == "citizen", ~own)
        case By.SELF:
            return and_(kind == "citizen", own)
        case By.OFFICER | By.PARTNER:
            return kind == by.value


class Shown:
    """What turns entries into what a resident reads: words, units, roles, all asked for once a page."""

    def __init__(self, citizen_ids: Sequence[UUID], directory: Directory, language: str) -> None:
        self._mine = set(citizen_ids)
        self._directory = directory
        self._vi = language == "vi"
        self._words: dict[tuple[str, str], str] = {}
        self._roles: dict[UUID, list[str]] = {}
        self._sealed: set[UUID] = set()

    async def read(self, db: AsyncSession, entries: Sequence[AuditEntry]) -> None:
        codes = {("action", one.action) for one in entries} | {("subject", one.subject_kind) for one in entries}
        words = select(TrailWord).where(tuple_(TrailWord.kind, TrailWord.code).in_(sorted(codes)) if codes else false())
        for word in await db.scalars(words):
            self._words[word.kind, word.code] = word.text_vi if self._vi else word.text_en
        officers = {one.actor_id for one in entries if one.actor_kind == "officer"}
        held = select(OfficerGrant.officer_id, Role).join(Role, Role.code == OfficerGrant.role_code)
        for officer_id, role in await db.execute(held.where(OfficerGrant.officer_id.in_(officers)).order_by(Role.code)):
            names = self._roles.setdefault(officer_id, [])
            name = role.name_vi if self._vi else role.name_en
            names += [name] if name not in names else []
        ids = [one.id for one in entries]
        self._sealed = set(await db.scalars(select(TrailLeaf.entry_id).where(TrailLeaf.entry_id.in_(ids))))

    def of(self, entry: AuditEntry) -> AccessOut:
        by = self._kind(entry)
        officer_id = entry.actor_id if by == By.OFFICER else None
        return AccessOut(
            id=entry.id,
            at=entry.at,
            by=by,
            units=[self._unit(code) for code in entry.unit.split(",") if code],
            roles=self._roles.get(officer_id, []) if officer_id else [],
            officer_code=officer_code(officer_id) if officer_id else None,
            actor_id=entry.actor_id if by in (By.DELEGATE, By.PARTNER) else None,
            action=entry.action,
            words=self._say("action", entry.action),
            subject=self._subject(entry),
            reason=entry.reason,
            sealed=entry.id in self._sealed,
        )

    def _kind(self, entry: AuditEntry) -> By:
        if entry.actor_kind == "citizen":
            return By.SELF if entry.actor_id in self._mine else By.DELEGATE
        return By(entry.actor_kind)

    def _unit(self, code: str) -> UnitOut:
        unit = self._directory.find(code)
        return UnitOut(code=code, name=(unit.name_vi if self._vi else unit.name_en or unit.name_vi) if unit else code)

    def _subject(self, entry: AuditEntry) -> SubjectOut:
        words = [self._say("subject", entry.subject_kind), str(entry.facts.get("code", ""))]
        return SubjectOut(kind=entry.subject_kind, id=entry.subject_id, words=" ".join(filter(None, words)))

    def _say(self, kind: str, code: str) -> str:
        return self._words.get((kind, code)) or UNKNOWN[kind][not self._vi].format(code=code)


async def proof(db: AsyncSession, citizen: Citizen, entry_id: UUID, timezone: str) -> ProofOut:
    """That an entry about a resident, or of what they did, is in the trail. Raises NoSuchAccess, NotSealedYet."""
    mine = await accounts.same_person(db, citizen.id)
    entry = await db.scalar(visible_to(citizen, mine).where(AuditEntry.id == entry_id))
    if entry is None:
        raise NoSuchAccess
    leaf = await db.scalar(select(TrailLeaf).where(TrailLeaf.entry_id == entry_id))
    if leaf is None:
        from_when = rules.available_at(entry.at, datetime.now(UTC)).astimezone(ZoneInfo(timezone))
        raise NotSealedYet(available_at=from_when.isoformat(timespec="minutes"))
    day = await db.get_one(TrailDay, leaf.day, options=[undefer(TrailDay.blocks)])
    return ProofOut(
        format=FORMAT,
        entry=rules.text_of(entry, leaf.salt),
        salt=leaf.salt[: rules.SALT // 2].hex(),
        index=leaf.position,
        size=day.count,
        path=[one.hex() for one in await _path(db, day, leaf.position)],
        root=day.root.hex(),
        day=day.day,
        kid=day.kid,
        jws=day.jws,
    )


async def _path(db: AsyncSession, day: TrailDay, position: int) -> list[bytes]:
    """Of two trees: that of the block, from its leaves, and that over the blocks."""
    block, place = divmod(position, rules.BLOCK)
    within = TrailLeaf.position.between(block * rules.BLOCK, (block + 1) * rules.BLOCK - 1)
    hashes = await db.scalars(
        select(TrailLeaf.hash).where(TrailLeaf.day == day.day, within).order_by(TrailLeaf.position)
    )
    return merkle.path(place, hashes.all()) + merkle.path(block, sealing.block_roots(day.blocks))


async def days(db: AsyncSession, cursor: str | None, limit: int) -> Sequence[TrailDay]:
    """The sealed days, the newest first. Raises BadCursor."""
    query = pages.after(select(TrailDay), [(TrailDay.day, date)], cursor, descending=True)
    return (await db.scalars(query.limit(limit + 1))).all()


async def one_day(db: AsyncSession, day: date) -> TrailDay:
    """Raises NoSuchDay."""
    found = await db.get(TrailDay, day)
    if found is None:
        raise NoSuchDay
    return found


def day_shown(row: TrailDay) -> DayOut:
    return DayOut(
        day=row.day,
        count=row.count,
        root=row.root.hex(),
        previous=row.previous.hex(),
        kid=row.kid,
        jws=row.jws,
        sealed_at=row.sealed_at,
    )


def aware(at: datetime | None) -> datetime | None:
    """A moment without a zone is one in UTC."""
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at


def officer_code(officer_id: UUID) -> str:
    """Short enough to read over the phone: the random end of the officer's id."""
    return f"CB-{officer_id.hex[-8:].upper()}"
