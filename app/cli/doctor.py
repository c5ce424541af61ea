"""`khue doctor`: what is wrong with a set-up and how to mend it, in one screen."""

import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx2
from msgspec import Struct
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from app.cli import setup
from app.core import settings
from app.core.settings import Settings, SettingsWrong

FREE_BYTES_MIN = 500 * 1024 * 1024
CLOCK_OFF_S = 2.0


class Finding(Struct, frozen=True):
    what: str
    well: bool
    said: str
    mend: str = ""


async def examine(environ: dict[str, str]) -> list[Finding]:
    """Everything that can be looked at; what depends on a fault already found is left out."""
    found = [_python()]
    try:
        chosen = settings.load(environ)
    except SettingsWrong as wrong:
        mend = "Start the embedded city with `khue up`, or set what is named (docker/env.example says how)."
        return [*found, Finding("Settings", False, str(wrong), mend)]
    found.append(Finding("Settings", True, "complete"))
    found += [_disk(chosen), _files(chosen)]
    looks: list[Callable[[Settings], Awaitable[list[Finding]]]] = [_postgres, _redis, _outside, _api]
    for look in looks:
        found += await look(chosen)
    return found


def show(console: Console, found: list[Finding]) -> bool:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for one in found:
        table.add_row("[green]✓[/]" if one.well else "[red]✗[/]", f"[bold]{one.what}[/]", one.said)
        if not one.well and one.mend:
            table.add_row("", "", f"[yellow]→ {one.mend}[/]")
    console.print(table)
    return all(one.well for one in found)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "Khuê needs Python 3.11 or newer.")


async def _postgres(chosen: Settings) -> list[Finding]:
    try:
        connection = await asyncpg.connect(chosen.database_url, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError) as wrong:
        mend = "Is it running, and is DATABASE_URL right? `khue up` starts an embedded one."
        return [Finding("PostgreSQL", False, f"does not answer ({type(wrong).__name__})", mend)]
    try:
        version: str = await connection.fetchval("SHOW server_version")
        lag = abs(time.time() - await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8"))
        has = await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
        at = await connection.fetchval("SELECT version_num FROM alembic_version") if has else None
        found = [
            Finding(
                "PostgreSQL", int(version.split(".", maxsplit=1)[0]) >= 15, version, "Version 15 or newer is needed."
            ),
            Finding("Clock", lag < CLOCK_OFF_S, f"{lag:.2f} s from PostgreSQL's", "Let both keep time by NTP."),
            Finding("Schema", at == setup.head(), f"at {at}, code wants {setup.head()}", "Run `khue migrate`."),
        ]
        return found + (await _rows(connection) if at == setup.head() else [])
    finally:
        await connection.close()


async def _rows(connection: asyncpg.Connection) -> list[Finding]:
    areas: int = await connection.fetchval("SELECT count(*) FROM area") or 0
    alive = "SELECT count(*) FROM worker WHERE seen_at > now() - interval '10 seconds'"
    workers: int = await connection.fetchval(alive) or 0
    late = await connection.fetchval("SELECT count(*) FROM outbox WHERE due_at < now() - interval '1 minute'")
    dead = await connection.fetchval("SELECT count(*) FROM dead_letter")
    days = await connection.fetchval("SELECT max(day) FROM special_day")
    return [
        Finding("Reference data", areas > 0, f"{areas} areas", "Run `khue seed reference`."),
        Finding("Calendar", days is not None, f"holidays known until {days}", "Run `khue seed reference`."),
        Finding("Workers", workers > 0, f"{workers} alive", "Start one with `khue worker`."),
        Finding("Jobs", late == 0, f"{late} due for more than a minute", "See the worker's log; is Redis there?"),
        Finding("Dead letters", dead == 0, str(dead), "Look with `khue jobs list`, then `khue jobs replay`."),
    ]


async def _redis(chosen: Settings) -> list[Finding]:
    redis = Redis.from_url(chosen.redis_url, socket_connect_timeout=2, socket_timeout=2)
    try:
        version = (await redis.info("server")).get("redis_version", "?")
    except Exception as wrong:
        mend = "Is it running, and is REDIS_URL right? Jobs wait in PostgreSQL until it is back."
        return [Finding("Redis", False, f"does not answer ({type(wrong).__name__})", mend)]
    finally:
        await redis.aclose()
    return [Finding("Redis", True, str(version))]


def _disk(chosen: Settings) -> Finding:
    folder = Path(chosen.uploads.folder)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    return Finding("Disk", free > FREE_BYTES_MIN, f"{free // 2**20:,} MB free for photos", "Make room.")


def _files(chosen: Settings) -> Finding:
    files = [file for file in (chosen.fcm.credentials_file, chosen.fcm.ca_file) if file]
    missing = [file for file in files if not Path(file).exists()]
    mend = "Put the service account there, or correct FCM__CREDENTIALS_FILE; the sandbox makes its own at start."
    return Finding("Push credentials", not missing, ", ".join(missing) or "there", mend)


async def _outside(chosen: Settings) -> list[Finding]:
    found: list[Finding] = []
    for name, provider in (("National eID", chosen.eid), ("Staff sign-in", chosen.staff)):
        root = (provider.discovery_url or provider.issuer).rstrip("/")
        well, said = await _asks(f"{root}/.well-known/openid-configuration")
        found.append(Finding(name, well, said, "Is the provider there? `khue sandbox` starts a stand-in."))
    return found


async def _api(chosen: Settings) -> list[Finding]:
    well, said = await _asks(f"http://{chosen.server.host}:{chosen.server.port}/health/ready")
    return [Finding("API", well, said, "Start it with `khue api` (or everything with `khue up`).")]


async def _asks(url: str) -> tuple[bool, str]:
    try:
        async with httpx2.AsyncClient(timeout=3) as client:
            answer = await client.get(url)
    except httpx2.HTTPError as wrong:
        return False, f"does not answer ({type(wrong).__name__})"
    return answer.status_code == 200, f"answers {answer.status_code}"
