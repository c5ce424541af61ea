"""One renderer for everything that goes wrong: any exception becomes one stable problem, or a replayed answer."""

import asyncio
import errno
from typing import Any

import asyncpg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, LitestarException, ValidationException
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core import errors
from app.core.errors import AppError
from app.core.idempotency import Replayed

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]

AWAY = (
    PoolTimeout,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
    ConnectionError,
    TimeoutError,
    asyncio.TimeoutError,
)
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""The uploads folder takes nothing."""
UNSTORABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
UNREADABLE = (UnicodeDecodeError, RecursionError)
"""What the JSON decoder raises beside its own errors: bytes that are no text, brackets without end."""


def render(request: AnyRequest, wrong: Exception) -> Response[bytes]:
    """The exception handler of the whole house."""
    if isinstance(wrong, Replayed):
        return wrong.answer.response(replayed=True)
    error = as_app_error(wrong)
    if error.status >= 500:
        broken = wrong if isinstance(error, errors.Broken) else None
        log.error("request failed", problem=error.code, route=request.scope.get("path_template", ""), exc_info=broken)
    said = errors.problem(
        error,
        errors.language_of(request.headers.get("accept-language", "")),
        request.scope.get("khue.request_id", ""),  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
    )
    return Response(
        errors.encode(said), status_code=error.status, media_type="application/problem+json", headers=error.headers
    )


def as_app_error(wrong: BaseException) -> AppError:
    if isinstance(wrong, AppError):
        return wrong
    if isinstance(wrong, HTTPException):
        return _of_http(wrong)
    if isinstance(wrong, LitestarException) and wrong.__cause__ is not None:
        return as_app_error(wrong.__cause__)  # raised while the answer was going out, by the commit
    if isinstance(wrong, UNREADABLE):
        return errors.MalformedBody()
    if isinstance(wrong, IntegrityError):
        return errors.Conflict()
    if isinstance(wrong, DBAPIError) and isinstance(_driver_error(wrong.orig or wrong), UNSTORABLE):
        return errors.MalformedBody()
    return errors.StorageUnavailable() if storage_away(wrong) else errors.Broken()


def _of_http(wrong: HTTPException) -> AppError:
    match wrong.status_code:
        case 404:
            return errors.NotFound()
        case 405:
            return errors.MethodNotAllowed(headers=dict(wrong.headers or {}))
        case 413:
            return errors.BodyTooLarge(bytes_max=0)
        case 415:
            return errors.UnsupportedMediaType()
        case status if status >= 500:
            return errors.Broken()
        case _:
            return (
                errors.InvalidInput(fields=_fields(wrong))
                if isinstance(wrong, ValidationException)
                else errors.MalformedBody()
            )


def storage_away(wrong: BaseException) -> bool:
    """Whether PostgreSQL or the disk did not answer, as opposed to answering that something is wrong."""
    if isinstance(wrong, DBAPIError):
        return wrong.connection_invalidated or (wrong.orig is not None and storage_away(_driver_error(wrong.orig)))
    return isinstance(wrong, AWAY) or (isinstance(wrong, OSError) and wrong.errno in DISK)


def _driver_error(wrong: BaseException) -> BaseException:
    """asyncpg's own error behind SQLAlchemy's translation of it."""
    return wrong.__cause__ or wrong


def _fields(wrong: ValidationException) -> list[dict[str, str]]:
    extra: Any = wrong.extra
    if not isinstance(extra, list):
        return []
    return [{"field": str(one.get("key", "")), "message": str(one.get("message", ""))} for one in extra]  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownVariableType]
