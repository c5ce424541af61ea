"""The law of the sealed trail: its days, the bytes of an entry, the record that is signed. Pure.

`docs/trail.md` says the same to whoever checks it without us: what is written here of bytes never changes, a new form gets a new
number.
"""

import hashlib
import json
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from app.core import merkle
from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare

SEAL_JOB = declare("seal-trail", Lane.BULK, timeout_s=3600, tries_max=3)
"""Seals every day of the trail that is over."""

GRACE = timedelta(minutes=15)
"""After its end a day waits so long: for transactions that began in it (30 s at most) and for clocks that are slow."""

SEALED_WITHIN = timedelta(hours=1)
"""After its end, unless something is wrong: the grace, the job's turn, and time to work."""

BLOCK = 1024
"""Leaves whose root is kept: a power of two."""

SALT = 32
"""Bytes: the first half salts the leaf, the second the part that is withheld."""

FORM = 1
TYP = "khue-trail-day+jws"
GENESIS = bytes(32)
"""What the first day of the chain has before it."""

WITHHELD = ("address", "request_id")
"""Of officers, these are the city's to know; residents get their hash."""


class By(StrEnum):
    """Who looked or changed, as the resident sees it."""

    OFFICER = "officer"
    PARTNER = "partner"
    DELEGATE = "delegate"
    SELF = "self"


class NoSuchAccess(AppError):
    status, code = 404, "no-such-access"
    title = Text("Không có lượt truy cập này", "No such access")
    detail = Text("Không có lượt truy cập này trong nhật ký về bạn.", "There is no such entry in the trail about you.")


class NotSealedYet(AppError):
    status, code = 409, "not-sealed-yet"
    title = Text("Chưa có bằng chứng, mai sẽ có", "No proof yet; it is available tomorrow")
    detail = Text(
        "Nhật ký được niêm phong khi hết ngày. Bạn tải được bằng chứng từ {available_at}.",
        "The trail is sealed when the day is over. You can download the proof from {available_at}.",
    )


class NoSuchDay(AppError):
    status, code = 404, "no-such-day"
    title = Text("Ngày này chưa được niêm phong", "This day is not sealed")
    detail = Text(
        "Mỗi ngày (theo giờ UTC) được niêm phong sau khi kết thúc.", "Each day (in UTC) is sealed once it is over."
    )


class Record(Struct, frozen=True):
    """What is signed of a day."""

    iss: str
    day: date
    form: int
    count: int
    first: UUID | None
    last: UUID | None
    root: str
    previous: str
    """Hexadecimal, as `root`."""


def end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def last_over(now: datetime) -> date:
    """The newest day that may be sealed."""
    return (now - GRACE).astimezone(UTC).date() - timedelta(days=1)


def days_due(last: date | None, now: datetime) -> int:
    """How many days wait to be sealed; before there is a chain, one."""
    return 1 if last is None else max((last_over(now) - last).days, 0)


def available_at(at: datetime, now: datetime) -> datetime:
    """From when there is a proof of an entry that is not sealed."""
    return end_of(max(at.astimezone(UTC).date(), last_over(now))) + SEALED_WITHIN


def text_of(entry: Any, salt: bytes) -> str:
    """An entry, or a row with its columns, in form 1: JSON with sorted keys, without spaces, not escaped beyond need (RFC 8785 for what entries hold)."""
    shown = {name: getattr(entry, name) for name in SHOWN} | {
        "at": moment(entry.at),
        "withheld": hashlib.sha256(
            salt[SALT // 2 :] + _json({name: getattr(entry, name) for name in WITHHELD})
        ).hexdigest(),
    }
    return _json(shown).decode()


SHOWN = (
    "id",
    "actor_kind",
    "actor_id",
    "on_behalf_of",
    "unit",
    "account_id",
    "action",
    "subject_kind",
    "subject_id",
    "reason",
    "facts",
)


def hash_of(text: str, salt: bytes) -> bytes:
    """The leaf of an entry: RFC 6962 over the salt and the text."""
    return merkle.leaf(salt[: SALT // 2] + text.encode())


def payload_of(record: Record) -> bytes:
    return _json({name: getattr(record, name) for name in record.__struct_fields__})


def link_of(payload: bytes) -> bytes:
    """What the record of the next day holds of this one."""
    return hashlib.sha256(payload).digest()


def moment(at: datetime) -> str:
    """Always with microseconds, always in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_json_text = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str
).encode


def _json(value: dict[str, Any]) -> bytes:
    return _json_text(value).encode()
