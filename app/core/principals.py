"""Who asks: the kinds of caller, as frozen facts taken from a token that was checked."""

from uuid import UUID

from msgspec import Struct


class Nobody(Struct, frozen=True):
    """A caller who has not signed in."""

    address: str = ""


class Citizen(Struct, frozen=True):
    id: UUID
    session_id: UUID
    level: int
    """Assurance level (NĐ 69/2024): 0 phone only, 1 and 2 by the national eID."""


class Officer(Struct, frozen=True):
    id: UUID
    session_id: UUID
    departments: frozenset[str]
    acts: frozenset[str]
    """What the officer's roles allow, e.g. `ticket.answer`; roles are data, acts are what guards ask for."""


class Partner(Struct, frozen=True):
    id: UUID
    scopes: frozenset[str]


Principal = Nobody | Citizen | Officer | Partner
