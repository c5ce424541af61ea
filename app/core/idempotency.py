"""Every POST that creates or moves something may be sent again (draft-ietf-httpapi-idempotency-key-header-07).

The same key and input give the first answer again; another input 422; still in flight 409; no key 400. Scoped to the caller,
kept 24 hours at least, written in the transaction of the effect.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from msgspec import Struct
from sqlalchemy import LargeBinary, SmallInteger, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, lock_number
from app.core.errors import AppError, Text

KEPT = timedelta(hours=48)
KEPT_HEADERS = ("location", "etag", "content-type")


class KeyMissing(AppError):
    status, code = 400, "idempotency-key-missing"
    title = Text("Thiếu Idempotency-Key", "Idempotency-Key is missing")
    detail = Text(
        'Gửi một chuỗi duy nhất trong ngoặc kép, ví dụ Idempotency-Key: "8e03978e", để gửi lại mà không sợ trùng.',
        'Send a unique quoted string, e.g. Idempotency-Key: "8e03978e", so that you may safely send this again.',
    )


class KeyMalformed(AppError):
    status, code = 400, "idempotency-key-malformed"
    title = Text("Idempotency-Key không hợp lệ", "Idempotency-Key is malformed")
    detail = Text(
        "Phải là chuỗi trong ngoặc kép, từ 1 đến 128 ký tự ASCII.",
        "It must be a quoted string of 1 to 128 ASCII characters.",
    )


class KeyReused(AppError):
    status, code = 422, "idempotency-key-reused"
    title = Text("Idempotency-Key đã dùng cho yêu cầu khác", "Idempotency-Key was used for another request")


class KeyInFlight(AppError):
    status, code = 409, "idempotency-key-in-flight"
    title = Text("Yêu cầu đầu tiên vẫn đang được xử lý", "The first request is still under way")


class IdempotencyKey(Base):
    __tablename__ = "idempotency_key"

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    input_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[list[str]]
    """Names and values in turn."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)


class Answer(Struct, frozen=True):
    """What was answered the first time; `headers` are names and values in turn."""

    status: int
    headers: list[str]
    body: bytes

    def response(self, *, replayed: bool = False) -> Response[Any]:
        headers = dict(zip(self.headers[::2], self.headers[1::2], strict=True))
        media_type = headers.pop("content-type", "application/json")
        if replayed:
            headers["idempotency-replayed"] = "true"
        return Response(self.body, status_code=self.status, media_type=media_type, headers=headers)


def answer_created(out: Struct, location: str, etag: str = "") -> Answer:
    """201 with a JSON body, made before the effect is written so that it is kept with it."""
    headers = ["location", location, "content-type", "application/json"]
    return Answer(201, headers + (["etag", etag] if etag else []), msgspec.json.encode(out))


class Replayed(Exception):
    """Not an error: the request was done before, and this is what was answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("replayed")
        self.answer = answer


class Claim(Struct, frozen=True):
    """Who asks for what under which key."""

    caller: str
    key: str
    input_hash: bytes


Once = NamedDependency[Claim]
"""Declared by a handler as `once`: the POST is idempotent, its answer kept with its effect."""

_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,128})"')


def parse_key(header: str | None) -> str:
    """The key in an sf-string (RFC 9651 §3.3.3). Raises KeyMissing, KeyMalformed."""
    if header is None:
        raise KeyMissing
    match = _STRING.fullmatch(header.strip())
    if match is None:
        raise KeyMalformed
    return match[1]


async def claim_of(request: Request[Any, Any, Any]) -> Claim:
    """Read the caller's key and hash the input; touches no database."""
    key = parse_key(request.headers.get("idempotency-key"))
    caller = str(getattr(request.user, "id", "") or f"address:{getattr(request.user, 'address', '')}")
    if getattr(request.user, "actor_id", None):
        caller = f"{request.user.actor_id}:{caller}"  # two who act for one account have keys of their own
    hashed = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    hashed.update(await request.body())
    return Claim(caller, key, hashed.digest())


async def take(db: AsyncSession, claim: Claim) -> None:
    """Hold the key until this transaction ends. Raises Replayed, KeyReused, KeyInFlight.

    The lock first, the look in a statement of its own: so it sees what the holder before us committed.
    """
    lock = lock_number(hashlib.sha256(f"{claim.caller}\n{claim.key}".encode()).digest())
    if not await db.scalar(select(func.pg_try_advisory_xact_lock(lock))):
        raise KeyInFlight
    kept = await db.get(IdempotencyKey, (claim.caller, claim.key))
    if kept is not None:
        raise again(claim, kept.input_hash, Answer(kept.status, kept.headers, kept.body))


def again(claim: Claim, input_hash: bytes, answer: Answer) -> Exception:
    """What to raise for a key seen before: the first answer, or KeyReused for another input."""
    return Replayed(answer) if input_hash == claim.input_hash else KeyReused()


async def keep(db: AsyncSession, claim: Claim, answer: Answer) -> None:
    await db.execute(
        insert(IdempotencyKey).values(
            caller=claim.caller,
            key=claim.key,
            input_hash=claim.input_hash,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            created_at=datetime.now(UTC),
        )
    )


async def erase(db: AsyncSession, caller: str) -> None:
    """Forget what one caller was answered, also when somebody acted for them, or they for somebody."""
    both = or_(IdempotencyKey.caller.startswith(f"{caller}:"), IdempotencyKey.caller.endswith(f":{caller}"))
    await db.execute(delete(IdempotencyKey).where(or_(IdempotencyKey.caller == caller, both)))


async def forget_old(db: AsyncSession) -> None:
    """Keys are kept for `KEPT` at least."""
    await db.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < datetime.now(UTC) - KEPT))
