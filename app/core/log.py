"""Structured logs: one JSON object a line, with the request id; a list of what is never logged."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from app.core.settings import Log

NEVER_LOGGED = frozenset(
    {
        "authorization", "cookie", "set-cookie", "token", "access_token", "refresh_token", "id_token", "code",
        "code_verifier", "client_secret", "secret", "password", "phone", "msisdn", "personal_number", "cccd", "bhyt",
        "full_name", "birth_date", "address", "description", "answer", "note", "body", "otp", "sms", "fid", "push_token",
        "database_url", "redis_url", "query_string",
    }
)  # fmt: skip
"""Fields whose value is replaced wherever they appear; a problem's stable `code` is logged as `problem`."""

HIDDEN = "[hidden]"

_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_NUMBER = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w-])")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_DETAIL = re.compile(r"(?m)^DETAIL: .*$")
"""PostgreSQL shows the whole failing row there."""
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")


def configure(settings: Log, stream: Any = None) -> None:
    """Everything goes to stderr, the standard library's loggers too."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    last: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.level]),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for noisy in ("httpx", "httpx2", "httpcore", "hpack", "arq", "_granian", "granian"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last gate: what must never be logged is hidden by name and by shape, however deep it sits."""
    return {name: HIDDEN if name.lower() in NEVER_LOGGED else clean(value) for name, value in event.items()}


def clean(value: Any) -> Any:
    if isinstance(value, str):
        for shape, instead in ((_JWT, HIDDEN), (_CREDENTIALS, HIDDEN + "@"), (_NUMBER, HIDDEN), (_DETAIL, HIDDEN)):
            value = shape.sub(instead, value)
        return _QUERY.sub(r"\1?" + HIDDEN, value)
    if isinstance(value, dict):
        return redact(None, "", value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return value
