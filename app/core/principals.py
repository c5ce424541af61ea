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


class Where(Struct, frozen=True):
    """In these departments, in these areas, or in the whole city."""

    departments: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    city: bool = False

    def covers(self, department: str | None, area: str | None) -> bool:
        return self.city or department in self.departments or area in self.areas


class Grant(Struct, frozen=True):
    """What a role allows, and where it is held."""

    acts: frozenset[str]
    where: Where


class Officer(Struct, frozen=True):
    """A right in one place is none in another, so ask `may` with the place of the row; `acts` is for a first, coarse look."""

    id: UUID
    session_id: UUID
    unit: str
    """The department they work for; what they may do there, or elsewhere, their grants say."""
    grants: tuple[Grant, ...] = ()
    until: float = 0.0
    """When a grant begins or ends by itself, in seconds since 1970: the token ends then at the latest. 0: not foreseen."""

    @property
    def acts(self) -> frozenset[str]:
        """What they may do somewhere, e.g. `ticket.answer`; roles are data, acts are what guards ask for."""
        return frozenset[str]().union(*(grant.acts for grant in self.grants))

    def may(self, act: str, *, department: str | None = None, area: str | None = None) -> bool:
        """Whether they may do this with what belongs to the department or lies in the area; with neither, in the whole city."""
        return any(act in grant.acts and grant.where.covers(department, area) for grant in self.grants)

    def where(self, act: str) -> Where:
        """Where they may do this: what a query starts from."""
        found = [grant.where for grant in self.grants if act in grant.acts]
        return Where(
            frozenset[str]().union(*(one.departments for one in found)),
            frozenset[str]().union(*(one.areas for one in found)),
            any(one.city for one in found),
        )


class Partner(Struct, frozen=True):
    id: UUID
    scopes: frozenset[str]


Principal = Nobody | Citizen | Officer | Partner
