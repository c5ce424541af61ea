"""The law of signals: what a logout and a security event must say. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare
from app.core.oidc_claims import is_text, moment
from app.core.oidc_provider import Read

RECHECK_JOB = declare("recheck-eids", Lane.NORMAL, timeout_s=60, tries_max=3)
"""Asks the national eID again about those who use the app."""
RECHECK_EVERY = timedelta(seconds=15)
ASKED_AGAIN = timedelta(seconds=10)
"""What was asked and has no answer by then may be asked by another run."""

LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
DISABLED, ENABLED = RISC + "account-disabled", RISC + "account-enabled"

LOGOUT_TYPES = ("logout+jwt", "jwt", "")
EVENT_TYPES = ("secevent+jwt",)
AGE_MAX = timedelta(days=2)
"""A provider delivers an event again until we take it; after that it is no news."""


class SignalRefused(AppError):
    status, code = 400, "signal-refused"
    title = Text("Tín hiệu không hợp lệ", "The signal is not valid")
    detail = Text("Tín hiệu bị từ chối ({reason}).", "The signal was refused ({reason}).")


class Logout(Struct, frozen=True):
    """Whose sessions end: a person's, or those of one session at the provider."""

    jti: str
    expires: float
    subject: str
    upstream: str


class Event(Struct, frozen=True):
    """What happened to a person's identity, and when."""

    jti: str
    kind: str
    """`account-disabled`, `account-enabled`; empty for what we do not act on."""
    subject: str
    at: float


def logout_of(read: Read, now: float, skew_s: int) -> Logout:
    """OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6; envelope and signature were checked. Raises SignalRefused."""
    claims = read.claims
    issued, expires = moment(claims, "iat"), moment(claims, "exp")
    subject, upstream = claims.get("sub"), claims.get("sid")
    faults = {
        "typ": read.typ.lower().removeprefix("application/") not in LOGOUT_TYPES,
        "iat": issued is None or issued > now + skew_s,
        "exp": expires is None,
        "jti": not is_text(claims.get("jti")),
        "events": not isinstance(_events(claims).get(LOGOUT), dict),
        "nonce": "nonce" in claims,
        "sub": not is_text(subject) and (subject is not None or not is_text(upstream)),
        "sid": upstream is not None and not is_text(upstream),
    }
    _refuse(faults)
    return Logout(claims["jti"], expires or 0.0, subject or "", upstream or "")


def event_of(read: Read, issuer: str, now: float, skew_s: int) -> Event:
    """RFC 8417 §2.2, OpenID RISC 1.0 §2; envelope and signature were checked. Raises SignalRefused."""
    claims = read.claims
    issued = moment(claims, "iat")
    events = _events(claims)
    faults = {
        "typ": read.typ.lower().removeprefix("application/") not in EVENT_TYPES,
        "iat": issued is None or not now - AGE_MAX.total_seconds() - skew_s <= issued <= now + skew_s,
        "jti": not is_text(claims.get("jti")),
        "events": not events,
        "nonce": "nonce" in claims,
    }
    _refuse(faults)
    known = next((name for name in (DISABLED, ENABLED) if name in events), "")
    at = issued or 0.0
    if not known:
        return Event(claims["jti"], "", "", at)
    subject = _subject(claims, events[known], issuer)
    if not subject:
        raise SignalRefused(reason="subject")
    return Event(claims["jti"], known.removeprefix(RISC), subject, min(moment(claims, "toe") or at, at))


def _events(claims: Mapping[str, Any]) -> dict[str, Any]:
    events = claims.get("events")
    return events if isinstance(events, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _subject(claims: Mapping[str, Any], event: Any, issuer: str) -> str:
    """`sub_id` (RFC 9493 `iss_sub`), the event's own `subject` (RISC), or the plain `sub` beside `iss`; empty if none is there."""
    within = event.get("subject") if isinstance(event, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    for named in (claims.get("sub_id"), within):
        if isinstance(named, dict):
            kind: Any = named.get("format", named.get("subject_type"))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            fits = kind in ("iss_sub", "iss-sub") and named.get("iss") == issuer and is_text(named.get("sub"))  # pyright: ignore[reportUnknownMemberType]
            return str(named["sub"]) if fits else ""  # pyright: ignore[reportUnknownArgumentType]
    return claims["sub"] if is_text(claims.get("sub")) else ""


def _refuse(faults: dict[str, bool]) -> None:
    wrong = [name for name, so in faults.items() if so]
    if wrong:
        raise SignalRefused(reason=", ".join(wrong))
