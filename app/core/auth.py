"""Who is at the door: bearer tokens, checked once and remembered until they expire or their session is revoked."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from app.core.errors import SignInNeeded, WrongDoor
from app.core.principals import Citizen, Grant, Officer, Partner, Principal, Where
from app.core.tokens import Keys, TokenRefused, WrongAudience

REMEMBERED_MAX = 50_000
REVOKED_MIN = 1_000


class Revoked(Struct, frozen=True):
    """Tokens of a session issued before a moment are refused, until the last of them has expired; seconds since 1970."""

    session_id: UUID
    before: float
    until: float


class Known(NamedTuple):
    """A token that was checked."""

    principal: Principal
    session_id: UUID | None
    expires: float
    issued: float


class Auth:
    """Checks bearer tokens without a round trip. A token is verified once and remembered until it expires or is revoked."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._remembered: dict[str, dict[bytes, Known]] = {}
        self._revoked: dict[UUID | None, Revoked] = {}
        self._prune_at = REVOKED_MIN

    def check(self, authorization: bytes, audience: str) -> Principal:
        """The caller behind an Authorization header. Raises SignInNeeded or WrongDoor."""
        remembered = self._remembered.setdefault(audience, {})
        known = remembered.get(authorization)
        if known is None:
            known = self._verify(authorization, audience)
            if len(remembered) >= REMEMBERED_MAX:
                remembered.clear()
            remembered[authorization] = known
        revoked = self._revoked.get(known.session_id)
        if known.expires <= time.time() or (revoked is not None and known.issued < revoked.before):
            del remembered[authorization]
            raise SignInNeeded("invalid_token")
        return known.principal

    def forget(self) -> None:
        """Verify every token anew: the keys are others now."""
        self._remembered.clear()

    def revoke(self, revoked: Sequence[Revoked]) -> None:
        """What was issued too early is refused from now on."""
        now = time.time()
        for one in revoked:
            held = self._revoked.get(one.session_id)
            if held is None or held.before < one.before:
                self._revoked[one.session_id] = one
        if len(self._revoked) > self._prune_at:
            self._revoked = {sid: one for sid, one in self._revoked.items() if one.until > now}
            self._prune_at = 2 * len(self._revoked) + REVOKED_MIN

    def _verify(self, authorization: bytes, audience: str) -> Known:
        scheme, _, token = authorization.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise SignInNeeded
        try:
            claims = self._keys.verify(token.strip(), audience)
        except WrongAudience as wrong:
            raise WrongDoor from wrong
        except TokenRefused as wrong:
            raise SignInNeeded("invalid_token") from wrong
        try:
            principal = principal_of(claims, audience)
        except KeyError as wrong:  # of another release of ours: a refresh brings one that this one reads
            raise SignInNeeded("invalid_token") from wrong
        return Known(principal, getattr(principal, "session_id", None), claims["exp"], claims["iat"])


LEVELS = {f"LoA{level}": level for level in range(3)}
"""Our names of the assurance levels in `acr`, as the national portal writes them."""


def acr_of(level: int) -> str:
    return f"LoA{level}"


def principal_of(claims: dict[str, Any], audience: str) -> Principal:
    match audience:
        case "citizen":
            return Citizen(
                id=UUID(claims["sub"]),
                session_id=UUID(claims["sid"]),
                level=LEVELS[claims["acr"]],
                proved_at=claims["auth_time"],
                state=claims.get("state", "active"),
            )
        case "officer":
            return Officer(
                id=UUID(claims["sub"]),
                session_id=UUID(claims["sid"]),
                unit=claims["unit"],
                grants=tuple(_grant(one) for one in claims["grants"]),
            )
        case "partner":
            return Partner(id=UUID(claims["sub"]), scopes=frozenset(claims["scope"].split()))
        case _:
            raise SignInNeeded("invalid_token")


def claims_of(principal: Citizen | Officer) -> dict[str, Any]:
    """What `principal_of` reads back."""
    claims: dict[str, Any] = {"sub": str(principal.id), "sid": str(principal.session_id)}
    if isinstance(principal, Citizen):
        claims |= {"acr": acr_of(principal.level), "auth_time": principal.proved_at}
        return claims if principal.state == "active" else claims | {"state": principal.state}
    return claims | {"unit": principal.unit, "grants": [_said(grant) for grant in principal.grants]}


CITY, AREA = "*", "@"
"""How a token writes a place, so that it stays small: `SO-XD` a department, `@00070` an area, `*` the whole city."""


def _said(grant: Grant) -> dict[str, list[str]]:
    where = grant.where
    places = [*where.departments, *(AREA + area for area in where.areas), *([CITY] if where.city else [])]
    return {"acts": sorted(grant.acts), "in": sorted(places)}


def _grant(said: dict[str, list[str]]) -> Grant:
    places = frozenset(said["in"])
    areas = frozenset(place for place in places if place.startswith(AREA))
    where = Where(places - areas - {CITY}, frozenset(area.removeprefix(AREA) for area in areas), CITY in places)
    return Grant(frozenset(said["acts"]), where)
