"""Delegations over HTTP. None of this can itself be done on somebody's behalf."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from app.core import pages, wire
from app.core.door import Db
from app.core.guards import TheCitizen, proves
from app.core.house import House
from app.core.idempotency import Claim, Once
from app.core.pages import PAGE_MAX, Page
from app.core.principals import Citizen
from app.delegations import grants, proofs, queries, service
from app.delegations.models import Delegation
from app.delegations.registries import Registries
from app.delegations.schemas import ActOut, DelegationOut, NewAppointment, NewBusiness, NewCarer, NewGuardianship

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
TheHouse = NamedDependency[House]
TheRegistries = NamedDependency[Registries]
TheClaim = NamedDependency[Claim]

FRESH_S = 900
"""A delegation is given by who has proved within a quarter of an hour who they are."""


@post("/delegations/guardianships", guards=[proves(2, FRESH_S)])
async def prove_guardianship(
    data: JSONBody[NewGuardianship], me: TheCitizen, claim: TheClaim, house: TheHouse, registries: TheRegistries
) -> Response[DelegationOut]:
    """Act for my child under 18, if the population registry knows me as parent or guardian. Proved again, it is the same."""
    return (await proofs.guardianship(house, registries, me, data, claim)).response()


@post("/delegations/businesses", guards=[proves(2, FRESH_S)])
async def prove_business_role(
    data: JSONBody[NewBusiness], me: TheCitizen, claim: TheClaim, house: TheHouse, registries: TheRegistries
) -> Response[DelegationOut]:
    """Act for a business, if its registry knows me as legal representative or authorised. Proved again, it is the same."""
    return (await proofs.business(house, registries, me, data, claim)).response()


@post("/delegations/carers", guards=[proves(2, FRESH_S)])
async def grant_carer(
    data: JSONBody[NewCarer], me: TheCitizen, db: Db, once: Once, house: TheHouse
) -> Response[DelegationOut]:
    """Let somebody act for me, named by phone; in force once they accept. The answer does not tell if the phone has an account."""
    return await _created(db, house, me, await grants.offer(db, house, me, data))


@post("/delegations/appointments", guards=[proves(2, FRESH_S)])
async def appoint_for_business(
    data: JSONBody[NewAppointment], me: TheCitizen, db: Db, once: Once, house: TheHouse
) -> Response[DelegationOut]:
    """Let somebody act for a business whose legal representative I am."""
    return await _created(db, house, me, await grants.appoint(db, house, me, data))


@get("/delegations")
async def list_delegations(
    me: TheCitizen, db: Db, house: TheHouse, cursor: Cursor = None, limit: Limit = 20
) -> Page[DelegationOut]:
    """Those I gave, those I hold and those offered to my phone, newest first."""
    found = await queries.own(db, me, cursor, limit)
    shown = await queries.shown(db, house.crypto, me, found)
    return pages.page(found, limit, lambda one: [one.id], lambda one: shown[one.id])


@get("/delegations/{delegation_id:uuid}")
async def get_delegation(delegation_id: FromPath[UUID], me: TheCitizen, db: Db, house: TheHouse) -> DelegationOut:
    """One of them."""
    one = await queries.one(db, me, delegation_id)
    return (await queries.shown(db, house.crypto, me, [one]))[one.id]


@get("/delegations/{delegation_id:uuid}/acts")
async def list_delegated_acts(
    delegation_id: FromPath[UUID], me: TheCitizen, db: Db, cursor: Cursor = None, limit: Limit = 20
) -> Page[ActOut]:
    """What was read and done by it in the other's name, newest first: from the trail."""
    found = await queries.acts(db, me, delegation_id, cursor, limit)
    return pages.page(found, limit, lambda one: [one.id], queries.act_shown)


@post("/delegations/{delegation_id:uuid}/acceptances", guards=[proves(1, FRESH_S)])
async def accept_delegation(
    delegation_id: FromPath[UUID], me: TheCitizen, db: Db, once: Once, house: TheHouse
) -> Response[DelegationOut]:
    """Accept what was offered to my phone; who granted it sees my name from now on."""
    return await _created(db, house, me, await grants.accept(db, me, delegation_id))


@post("/delegations/{delegation_id:uuid}/declines")
async def decline_delegation(
    delegation_id: FromPath[UUID], me: TheCitizen, db: Db, once: Once, house: TheHouse
) -> Response[DelegationOut]:
    """Do not accept it."""
    return await _created(db, house, me, await grants.decline(db, me, delegation_id))


@post("/delegations/{delegation_id:uuid}/revocations")
async def revoke_delegation(
    delegation_id: FromPath[UUID], me: TheCitizen, db: Db, once: Once, house: TheHouse
) -> Response[DelegationOut]:
    """End a delegation, from either side: the next request in the other's name is refused."""
    return await _created(db, house, me, await service.revoke(db, me, delegation_id))


async def _created(db: Db, house: House, me: Citizen, one: Delegation) -> Response[DelegationOut]:
    await db.flush()
    out = (await queries.shown(db, house.crypto, me, [one]))[one.id]
    return wire.created(out, f"/v1/citizen/delegations/{one.id}")


citizen = [
    prove_guardianship,
    prove_business_role,
    grant_carer,
    appoint_for_business,
    list_delegations,
    get_delegation,
    list_delegated_acts,
    accept_delegation,
    decline_delegation,
    revoke_delegation,
]
