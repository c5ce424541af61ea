"""What must hold of a provider's tokens (OpenID Connect Core §3.1.3.7, RFC 7519 §4.1). Pure."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

TEXT_MAX = 255
"""OpenID Connect Core §2: no subject is longer."""


class Asked(Struct, frozen=True):
    """What a sign-in asked for, and when; its answer is held against it."""

    nonce: str
    at: float
    """Seconds since 1970."""
    max_age_s: int | None = None
    """How old the person's proof may be at the provider; None: nobody asked."""


class Known(Struct, frozen=True):
    """What we know of the provider and of ourselves there."""

    issuer: str
    client_id: str
    skew_s: int
    """How far the provider's clock may be from ours."""


def faults_of_id_token(
    claims: Mapping[str, Any], known: Known, asked: Asked, access_token: str, now: float
) -> list[str]:
    """The claims that are wrong, by name; none if the token is the answer to what was asked."""
    skew = known.skew_s
    issued, authenticated = moment(claims, "iat"), moment(claims, "auth_time")
    late = asked.max_age_s is not None and (authenticated is None or authenticated < asked.at - asked.max_age_s - skew)
    faults = {
        "iat": issued is None or not asked.at - skew <= issued <= now + skew,
        "nonce": not _same(claims.get("nonce"), asked.nonce),
        "sub": not is_text(claims.get("sub")),
        "auth_time": late or ("auth_time" in claims and (authenticated is None or authenticated > now + skew)),
        "at_hash": "at_hash" in claims and not _same(claims["at_hash"], half_hash(access_token)),
    }
    return [*faults_of_envelope(claims, known, now), *(name for name, wrong in faults.items() if wrong)]


def faults_of_envelope(claims: Mapping[str, Any], known: Known, now: float, *, needs_exp: bool = True) -> list[str]:
    """Who says it, to whom, and whether its time is now."""
    said: Any = claims.get("aud")
    audiences: list[Any] = said if isinstance(said, list) else [said]
    expires, begins = moment(claims, "exp"), moment(claims, "nbf")
    faults = {
        "iss": claims.get("iss") != known.issuer,
        "aud": known.client_id not in audiences,
        "azp": (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != known.client_id,
        "exp": (expires is None and (needs_exp or "exp" in claims))
        or (expires is not None and expires < now - known.skew_s),
        "nbf": "nbf" in claims and (begins is None or begins > now + known.skew_s),
    }
    return [name for name, wrong in faults.items() if wrong]


def moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A time in seconds since 1970; None if there is none, or it is no number."""
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_text(value: Any) -> bool:
    """Fit for an identifier: §2 asks for ASCII."""
    return isinstance(value, str) and 0 < len(value) <= TEXT_MAX and value.isascii() and value.isprintable()


def half_hash(access_token: str) -> str:
    """`at_hash` of an access token (§3.1.3.6), for the algorithms we take: all of them hash with SHA-256."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _same(said: Any, wanted: str) -> bool:
    return isinstance(said, str) and said.isascii() and secrets.compare_digest(said, wanted)
