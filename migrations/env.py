"""How a migration runs: one at a time (advisory lock), each in its own transaction, never waiting long for a lock."""

import asyncio
import importlib

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.pool import NullPool

from app.core.db import Base, engine_to
from migrations import TABLES

for module in TABLES:
    importlib.import_module(module)

LOCK = 7_265_733
WAIT_S = 0.2
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "10min"


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or ""
    engine = engine_to(url, {"statement_timeout": STATEMENT_TIMEOUT}, poolclass=NullPool)
    async with engine.connect() as connection:
        while not await connection.scalar(text(f"SELECT pg_try_advisory_lock({LOCK})")):
            await connection.rollback()  # who waits in a transaction holds up an index that is built concurrently
            await asyncio.sleep(WAIT_S)
        await connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        await connection.commit()
        await connection.run_sync(migrate)
        await connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"))
        await connection.commit()
    await engine.dispose()


def write() -> None:
    """Offline: the statements as text, for the linter."""
    context.configure(
        dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        context.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        context.run_migrations()


if context.is_offline_mode():
    write()
else:
    asyncio.run(run())
