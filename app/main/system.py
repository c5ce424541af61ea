"""The house's own pages: health, metrics, the documents and their reader, the list of problems, the public keys."""

import asyncio
import html
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import File
from prometheus_client import generate_latest

from app.core import guards, signing_keys
from app.core.errors import NotFound, all_errors
from app.core.house import House
from app.main.documents import documents
from app.main.doors import DOORS

TheHouse = NamedDependency[House]

PAGE_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
READER_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""With their types: a browser runs nothing whose type is not said, because we send `nosniff`."""

STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;padding:.3rem .6rem;vertical-align:top}code{background:#eee;padding:0 .2rem}"


@get("/health/live")
async def live() -> dict[str, str]:
    """This process runs."""
    return {"status": "ok"}


@get("/health/ready")
async def ready(house: TheHouse) -> Response[dict[str, str]]:
    """Whether this process can serve: PostgreSQL answers. Without Redis it serves on, so that is only said."""
    database, redis = await asyncio.gather(_answers(_ask_database(house)), _answers(_ask_redis(house)))
    said = {"status": "ok" if database else "away", "database": _word(database), "redis": _word(redis)}
    return Response(said, status_code=200 if database else 503)


@get("/metrics", media_type=MediaType.TEXT)
async def metrics(request: Request[Any, Any, Any], house: TheHouse) -> bytes:
    """Prometheus metrics of this process, for the addresses named in `SERVER__METRICS_FROM`."""
    if guards.address_of(request) not in house.settings.server.metrics_from:
        raise NotFound
    return generate_latest()


@get("/.well-known/jwks.json")
async def jwks(house: TheHouse) -> dict[str, Any]:
    """The public keys of our access tokens (RFC 7517)."""
    return house.keys.jwks()


@get("/.well-known/trail-keys.json")
async def trail_keys(house: TheHouse) -> dict[str, Any]:
    """The public keys of the trail, those of the past too: what they signed stays verifiable."""
    async with house.database.transaction() as db:
        return {"keys": await signing_keys.public(db, signing_keys.TRAIL)}


@get("/docs", media_type=MediaType.HTML)
async def docs_index() -> Response[str]:
    """Which documents there are."""
    rows = "".join(
        f'<li><a href="/docs/{door.audience}">{html.escape(door.title)}</a>'
        f' (<a href="/openapi/{door.audience}.json">JSON</a>)</li>'
        for door in DOORS
    )
    return _page("Khuê", f'<h1>Khuê</h1><ul>{rows}<li><a href="/docs/problems">Problems</a></li></ul>')


@get("/docs/problems", media_type=MediaType.HTML)
async def docs_problems() -> Response[str]:
    """Every problem the house can answer with, by its stable code."""
    rows = "".join(
        f'<tr id="{error.code}"><td><code>{error.code}</code></td><td>{error.status}</td>'
        f"<td>{html.escape(error.title.vi)}<br>{html.escape(error.title.en)}</td></tr>"
        for error in all_errors()
    )
    return _page("Problems", f"<h1>Problems</h1><table><tr><th>code</th><th>status</th><th></th></tr>{rows}</table>")


@get("/docs/{audience:str}", media_type=MediaType.HTML)
async def docs_reader(audience: FromPath[str]) -> Response[str]:
    """One audience's document, readable; every file comes from here."""
    _known(audience)
    body = (
        '<link rel="stylesheet" href="/docs/reader/swagger-ui.css"><div id="reader"></div>'
        '<script src="/docs/reader/swagger-ui-bundle.js"></script>'
        f'<script src="/docs/{audience}/start.js"></script>'
    )
    return _page(f"Khuê: {audience}", body)


@get("/docs/{audience:str}/start.js", media_type="text/javascript")
async def docs_start(audience: FromPath[str]) -> str:
    """Starts the reader on one document."""
    _known(audience)
    return f'SwaggerUIBundle({{url: "/openapi/{audience}.json", dom_id: "#reader", deepLinking: true}});'


@get("/docs/reader/{name:str}")
async def docs_file(name: FromPath[str]) -> File:
    """A file of the reader, from the package that brings it."""
    folder = reader_folder()
    if name not in READER_FILES or folder is None:
        raise NotFound
    return File(folder / name, media_type=READER_FILES[name], content_disposition_type="inline")


@get("/openapi/{name:str}")
async def openapi_document(name: FromPath[str]) -> Response[bytes]:
    """One audience's OpenAPI document."""
    audience = name.removesuffix(".json")
    _known(audience)
    return Response(rendered()[audience], media_type=MediaType.JSON)


@cache
def rendered() -> dict[str, bytes]:
    return {audience: msgspec.json.encode(document) for audience, document in documents().items()}


@cache
def reader_folder() -> Path | None:
    """Where the package with the static files of Swagger UI lies; it is looked at, never imported."""
    found = find_spec("flask_swagger_ui")
    return Path(found.origin).parent / "dist" if found and found.origin else None


def _page(title: str, body: str) -> Response[str]:
    text = f'<!doctype html><html lang="vi"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>{body}'
    return Response(text, media_type=MediaType.HTML, headers={"content-security-policy": PAGE_POLICY})


def _known(audience: str) -> None:
    if audience not in {door.audience for door in DOORS}:
        raise NotFound


async def _ask_database(house: House) -> None:
    await house.database.hot.fetchval("SELECT 1")


async def _ask_redis(house: House) -> None:
    await house.redis.ping()


async def _answers(asked: Any) -> bool:
    try:
        await asyncio.wait_for(asked, 2)
    except Exception:
        return False
    return True


def _word(answers: bool) -> str:  # noqa: FBT001
    return "ok" if answers else "away"


router = Router(
    "/",
    guards=[guards.open_to_all],
    include_in_schema=False,
    route_handlers=[
        live,
        ready,
        metrics,
        jwks,
        trail_keys,
        docs_index,
        docs_problems,
        docs_reader,
        docs_start,
        docs_file,
        openapi_document,
    ],
)
