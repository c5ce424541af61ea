"""Clients of the population registry and of the business registry: one question each, over HTTP with key and secret.

What an answer does not say as documented counts as no answer, and so does one about somebody else.
"""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import httpx2
import msgspec
import structlog
from msgspec import Struct

from app.core.errors import OutsideUnavailable
from app.core.http import Outbound
from app.core.settings import Registry, Settings
from app.delegations.rules import Role

log = structlog.get_logger()

POPULATION, BUSINESS = "population registry", "business registry"
SKEW = timedelta(minutes=5)


class Child(Struct, frozen=True):
    number: str
    full_name: str
    birth_date: date


class Guardianship(Struct, frozen=True):
    relation: Literal["mother", "father", "guardian"]
    child: Child
    version: int | str
    as_of: datetime


class Company(Struct, frozen=True):
    tax_code: str
    name: str
    status: Literal["active", "closed"]


class Position(Struct, frozen=True):
    """What a person is to a business."""

    role: Literal["legal-representative", "authorised"]
    business: Company
    version: int | str
    as_of: datetime

    @property
    def kind(self) -> Role:
        return Role(self.role)


@runtime_checkable  # handlers name it
class Registries(Protocol):
    async def guardianship(self, guardian: str, child: str, born: date) -> Guardianship | None:
        """Whether a person is parent or guardian of a child, all by personal number. Raises OutsideUnavailable."""
        ...

    async def position(self, tax_code: str, person: str) -> Position | None:
        """What a person is to a business. Raises OutsideUnavailable."""
        ...


Answer = TypeVar("Answer", Guardianship, Position)


class HttpRegistries:
    def __init__(self, settings: Settings, outbound: Outbound) -> None:
        self._population = settings.population
        self._business = settings.business
        self._outbound = outbound

    async def guardianship(self, guardian: str, child: str, born: date) -> Guardianship | None:
        asked = {"guardian_number": guardian, "child_number": child, "child_birth_date": born.isoformat()}
        said = await self._ask(POPULATION, self._population, "guardianships", asked, Guardianship)
        if said is not None and (said.child.number, said.child.birth_date) != (child, born):
            raise _nonsense(POPULATION, "it speaks of another child")
        return said

    async def position(self, tax_code: str, person: str) -> Position | None:
        asked = {"tax_code": tax_code, "person_number": person}
        said = await self._ask(BUSINESS, self._business, "roles", asked, Position)
        if said is not None and said.business.tax_code != tax_code:
            raise _nonsense(BUSINESS, "it speaks of another business")
        return said

    async def _ask(
        self, system: str, registry: Registry, what: str, asked: dict[str, str], kind: type[Answer]
    ) -> Answer | None:
        async with self._outbound.client(system) as client:
            answer = await client.post(
                f"{registry.url}/{what}",
                json=asked,
                auth=httpx2.BasicAuth(registry.key, registry.secret),
                headers={"Idempotency-Key": f'"{uuid.uuid4()}"'},  # a question may be put again
            )
        if answer.status_code != 200:
            log.error("a registry refuses", system=system, status=answer.status_code)
            raise OutsideUnavailable(system=system)
        return _read(system, answer.content, kind)


def _read(system: str, content: bytes, kind: type[Answer]) -> Answer | None:
    try:
        said: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        if said["found"] is False:
            return None
        answer = msgspec.convert(said, kind)
        name = answer.child.full_name if isinstance(answer, Guardianship) else answer.business.name
        if said["found"] is not True or answer.as_of > datetime.now(UTC) + SKEW or not 0 < len(name.strip()) <= 300:
            raise ValueError("found, as_of or name")
    except (KeyError, TypeError, ValueError) as wrong:  # msgspec's errors are ValueErrors
        raise _nonsense(system, type(wrong).__name__) from wrong
    return answer


def _nonsense(system: str, why: str) -> OutsideUnavailable:
    log.error("a registry's answer is not what was agreed", system=system, why=why)
    return OutsideUnavailable(system=system)
