"""Who asks: the kinds of caller, as frozen facts taken from a token that was checked."""

from uuid import UUID

from msgspec import Struct


class Nobody(Struct, frozen=True):
    """A caller who has not signed in."""

    address: str = ""


class Citizen(Struct, frozen=True):
    """Whose account is asked for, and who asks."""

    id: UUID
    session_id: UUID
    level: int
    """Assurance level (NĐ 69/2024): 0 phone only, 1 and 2 by the national eID."""
    proved_at: float = 0.0
    """When the person in front of the phone last proved who they are (`auth_time`), in seconds since 1970."""
    state: str = "active"
    """Of the account, when the token was made; a change makes new tokens necessary at once."""
    actor_id: UUID | None = None
    """Who really asks, when it is on behalf of the account `id`: a guardian, a carer, somebody of a business."""

    @property
    def person_id(self) -> UUID:
        """The account of the person in front of the phone."""
        return self.actor_id or self.id


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
