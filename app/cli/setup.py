"""Migrations and seeds, run from the command line."""

import asyncio
import logging

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.cli.home import ROOT


def alembic_config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("prepend_sys_path", str(ROOT))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def migrate(database_url: str) -> None:
    """Bring the schema to its head. Safe to run twice and at once."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(alembic_config(database_url), "head")


def write_sql() -> None:
    """The whole schema's history as SQL, to stdout."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(alembic_config(""), "head", sql=True)


def head() -> str:
    return ScriptDirectory.from_config(alembic_config("")).get_current_head() or ""


def make_database(server_url: str, name: str) -> bool:
    """Create the database if it is not there; says whether it was made."""
    return asyncio.run(_make_database(server_url, name))


async def _make_database(server_url: str, name: str) -> bool:
    connection = await asyncpg.connect(server_url)  # pyright: ignore[reportUnknownMemberType]
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return False
        await connection.execute(f'CREATE DATABASE "{name}"')
        return True
    finally:
        await connection.close()
