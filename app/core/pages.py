"""Keyset pages: a cursor is the sort key of the last row seen, so that a page costs the same wherever it stands."""

import base64
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.core.errors import AppError, Text

T = TypeVar("T")
Row = TypeVar("Row")

PAGE_MAX = 100


class BadCursor(AppError):
    status, code = 400, "bad-cursor"
    title = Text("Con trỏ trang không hợp lệ", "The page cursor is not valid")
    detail = Text("Hãy dùng nguyên giá trị next của trang trước.", "Use the value `next` of the page before as it was.")


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `next` is the cursor of the page after it, absent on the last."""

    items: list[T]
    next: str | None = None


def after(
    select: Any,
    keys: Sequence[tuple[InstrumentedAttribute[Any], type]],
    cursor: str | None,
    *,
    descending: bool,
) -> Any:
    """Order by `keys` (all in one direction, the last one unique) and start behind the cursor. Raises BadCursor."""
    columns = [column for column, _ in keys]
    ordered = select.order_by(*[column.desc() if descending else column.asc() for column in columns])
    if not cursor:
        return ordered
    seen = read(cursor, [kind for _, kind in keys])
    row = tuple_(*columns)
    return ordered.where(row < tuple(seen) if descending else row > tuple(seen))


async def walk(db: AsyncSession, query: Any, key: InstrumentedAttribute[Any]) -> AsyncGenerator[Any]:
    """Every row of a query, by a unique column of its first entity, read in pages: however long, it never stands in memory
    whole."""
    seen: Any = None
    while True:
        asked = query if seen is None else query.where(key > seen)
        rows = (await db.execute(asked.order_by(key).limit(PAGE_MAX))).all()
        for row in rows:
            yield row
        if len(rows) < PAGE_MAX:
            return
        seen = getattr(rows[-1][0], key.key)


def page(rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[Any]], convert: Callable[[Row], T]) -> Page[T]:
    """Make a page of `limit` from up to `limit + 1` rows."""
    more = len(rows) > limit
    kept = rows[:limit]
    return Page(items=[convert(row) for row in kept], next=cursor_of(key(kept[-1])) if more else None)


def cursor_of(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).rstrip(b"=").decode()


def read(cursor: str, kinds: Sequence[type]) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw, type=list[Any])
        if len(values) != len(kinds):
            raise BadCursor
        return [_key(msgspec.convert(value, kind)) for value, kind in zip(values, kinds, strict=True)]
    except (ValueError, OverflowError, msgspec.MsgspecError) as wrong:
        raise BadCursor from wrong


def _key(value: Any) -> Any:
    """A moment needs its zone, and must be one in UTC too."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise BadCursor
    return value.astimezone(UTC)
