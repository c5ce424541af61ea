"""The way to PostgreSQL: an ORM engine for most, a small raw asyncpg pool for the hot paths, one transaction a door."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

import asyncpg
import msgspec
from sqlalchemy import TIMESTAMP, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from app.core.settings import Settings


class Base(DeclarativeBase):
    """The declarative root of every table; constraint names follow one convention."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        }
    )
    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
        str: Text,
    }


def facts_of(row: Base, *without: str) -> dict[str, Any]:
    """What a row says in the clear, by column: nothing sealed, hashed or indexed, and not what is named."""
    columns = [column for column in row.__table__.columns if not isinstance(column.type, LargeBinary)]
    return {column.key: getattr(row, column.key) for column in columns if column.key not in without}


ROLE = "khue_app"
"""The role every connection of the application takes on (migration 0001); it has no UPDATE or DELETE on history."""
SCHEMA = "0015"
"""The oldest schema this code works on; a newer one is made to suit it too (expand first, contract later)."""


class Row(Protocol):
    """What we use of `asyncpg.Record`."""

    def __getitem__(self, key: str | int) -> Any: ...
    def get(self, key: str, default: Any = None) -> Any: ...
    def keys(self) -> Sequence[str]: ...


class HotPool(Protocol):
    """What we use of `asyncpg.Pool`, typed (asyncpg itself is not); each call is a transaction of its own."""

    async def fetch(self, query: str, *args: Any) -> list[Row]: ...
    async def fetchrow(self, query: str, *args: Any) -> Row | None: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...
    async def execute(self, query: str, *args: Any) -> str: ...
    async def close(self) -> None: ...


class QuietConnection(asyncpg.Connection):
    """No RESET between uses: our hot statements leave nothing behind, and the round trip costs a third of the CPU."""

    def get_reset_query(self) -> str:
        return ""


@dataclass
class Held:
    """How many transactions the current request or job holds open; shared with the tasks it starts."""

    open: int = 0


_held: ContextVar[Held | None] = ContextVar("held", default=None)


def begin_scope() -> None:
    """Start counting anew: called once at the start of each request and each job."""
    _held.set(Held())


def transaction_open() -> bool:
    """Whether the calling task stands inside a transaction; the outbound client refuses to run then."""
    held = _held.get()
    return held is not None and held.open > 0


def hold() -> None:
    """A transaction begins in this scope."""
    _scope().open += 1


def release() -> None:
    """A transaction of this scope is over."""
    _scope().open -= 1


AFTER = "khue.after"


def after_commit(db: AsyncSession, do: Callable[[], Awaitable[None]]) -> None:
    """To be done once this transaction has committed, and not at all if it rolls back. It must not raise."""
    db.info.setdefault(AFTER, []).append(do)


async def committed(db: AsyncSession) -> None:
    """Called by whoever committed, with the connection given back."""
    for do in db.info.pop(AFTER, []):
        await do()


def _scope() -> Held:
    held = _held.get()
    if held is None:
        held = Held()
        _held.set(held)
    return held


class Database:
    """What one process holds open towards PostgreSQL."""

    def __init__(self, engine: AsyncEngine, hot: HotPool) -> None:
        self.engine = engine
        self.hot = hot
        self.sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """One transaction: return commits, raise rolls back."""
        async with self.sessions() as session:
            hold()
            try:
                async with session.begin():
                    yield session
            finally:
                release()
        await committed(session)

    async def close(self) -> None:
        await self.hot.close()
        await self.engine.dispose()


def lock_number(digest: bytes) -> int:
    """The advisory lock that stands for a hash."""
    return int.from_bytes(digest[:8], "big", signed=True)


class CannotConnect(Exception):
    """A sentence for the person at the screen."""


async def connect(settings: Settings) -> Database:
    """Open both pools. Raises CannotConnect."""
    options = {
        "role": ROLE,
        "timezone": "UTC",
        "statement_timeout": str(settings.database.statement_timeout_ms),
        "idle_in_transaction_session_timeout": "30000",
        "jit": "off",
        "application_name": "khue",
    }
    engine = engine_to(
        settings.database_url,
        options,
        pool_size=settings.database.pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=False,
        hide_parameters=True,
        pool_recycle=1800,
        json_serializer=_to_json,
        json_deserializer=msgspec.json.decode,
    )
    try:
        hot = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]
            settings.database_url,
            min_size=1,
            max_size=settings.database.hot_pool_size,
            connection_class=QuietConnection,
            server_settings=options,
            command_timeout=settings.database.statement_timeout_ms / 1000 + 1,
            timeout=5,
            max_inactive_connection_lifetime=0,
            init=_speak_json,
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as wrong:
        said = str(wrong) or type(wrong).__name__
        raise CannotConnect(
            f"PostgreSQL cannot be used: {said}. Is DATABASE_URL right, and has `khue migrate` run?"
        ) from wrong
    database = Database(engine, cast(HotPool, hot))
    at = await _schema_of(database.hot)
    if at < SCHEMA:
        await database.close()
        raise CannotConnect(f"The schema is at {at or 'nothing'}, and {SCHEMA} is needed: run `khue migrate`.")
    return database


async def _schema_of(hot: "HotPool") -> str:
    try:
        return await hot.fetchval("SELECT version_num FROM alembic_version") or ""
    except asyncpg.UndefinedTableError:
        return ""


def engine_to(url: str, options: dict[str, str], **more: Any) -> AsyncEngine:
    """An engine whose address asyncpg reads, as it does for the hot pool: `sslmode` and several hosts mean the same in both."""

    async def open_one() -> Any:
        return await asyncpg.connect(url, server_settings=options, timeout=5)  # pyright: ignore[reportUnknownMemberType]

    return create_async_engine("postgresql+asyncpg://", async_creator=open_one, **more)


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def _speak_json(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(  # pyright: ignore[reportUnknownMemberType]
            name, schema="pg_catalog", encoder=_to_json, decoder=msgspec.json.decode
        )
