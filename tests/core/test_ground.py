"""The ground on its real servers: the door's transaction, history, limits, the way out."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import httpx2
import pytest
from litestar import Litestar, post
from litestar.datastructures import State
from litestar.di import Provide
from msgspec import structs
from redis.asyncio import ConnectionPool, Redis
from sqlalchemy import text

from app.core import audit, door, guards
from app.core.db import begin_scope
from app.core.door import Db
from app.core.errors import OutsideUnavailable
from app.core.house import House
from app.core.http import Breaker, Outbound, TransactionOpen
from app.core.ids import new_id
from app.core.limits import Limits, Rate
from app.core.porch import Porch
from app.core.principals import Nobody
from app.main import problems
from app.main.composition import create_app, lane_of
from app.main.house import open_house
from sandbox.phone import Resident
from tests.make import Make


async def test_an_error_at_commit_reaches_the_caller(house: House) -> None:
    """A deferred constraint fails at commit: 201 must not be said before."""
    connection = await asyncpg.connect(house.settings.database_url)
    await connection.execute(
        "CREATE TABLE deferred (id int PRIMARY KEY, up int REFERENCES deferred (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    await connection.close()

    @post("/late", guards=[guards.open_to_all])
    async def late(db: Db) -> dict[str, str]:
        await db.execute(text("INSERT INTO deferred VALUES (1, 2)"))
        return {"said": "done"}

    app = Litestar(
        [late],
        middleware=[door.transactional],
        dependencies={"db": Provide(door.provide_db)},
        exception_handlers={Exception: problems.render},
        state=State({"house": house}),
        openapi_config=None,
    )
    porch = Porch(app, house.settings, body_caps={}, lane_of=lane_of, explain=problems.as_app_error)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(porch), base_url="http://x") as client:
        answer = await client.post("/late")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert not await house.database.hot.fetchval("SELECT count(*) FROM deferred")


async def test_what_a_refused_request_wrote_is_rolled_back(make: Make, citizen: Resident, house: House) -> None:
    officer = await make.officer("SO-XD")
    ticket = await make.ticket(citizen)
    await make.act(officer, ticket, "moves", {"to": "rejected", "reject_code": "NOPE"}, status=422)
    assert (await citizen.get(f"/v1/citizen/tickets/{ticket['id']}"))["status"] == "filed"
    assert len(await citizen.get(f"/v1/citizen/tickets/{ticket['id']}/events")) == 1


@pytest.mark.parametrize("table", ["ticket_event", "ticket_photo", "audit_entry"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_history_cannot_be_changed_by_the_application(house: House, table: str, statement: str) -> None:
    column = {"ticket_event": "note", "ticket_photo": "role", "audit_entry": "reason"}[table]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await house.database.hot.execute(statement.format(table, column, column))


async def test_the_trail_is_written_with_what_it_tells_of(house: House) -> None:
    subject = new_id()
    async with house.database.transaction() as db:
        audit.record(db, Nobody(), "tested", "thing", subject)
        await db.flush()
        await db.rollback()
    assert not await house.database.hot.fetchval("SELECT count(*) FROM audit_entry WHERE subject_id = $1", str(subject))
    async with house.database.transaction() as db:
        audit.record(db, Nobody(), "tested", "thing", subject)
    assert (
        await house.database.hot.fetchval("SELECT count(*) FROM audit_entry WHERE subject_id = $1", str(subject)) == 1
    )


async def test_no_outside_call_inside_a_transaction(house: House) -> None:
    begin_scope()
    async with house.database.transaction(), house.outbound.client("sms") as client:
        with pytest.raises(TransactionOpen):
            await client.get(house.settings.sms.url)
    async with house.outbound.client("sms") as client:
        assert (await client.get(house.settings.sms.url)).status_code == 200


async def test_a_call_that_may_be_repeated_is_and_another_is_not(
    house: House, outside: httpx2.AsyncClient, no_faults: None
) -> None:
    outbound = Outbound(house.settings.http)
    url, body = house.settings.sms.url, {"from": "x", "to": "+84900000000", "text": "x"}
    await outside.put("/faults/sms", json={"kind": "error", "status": 503, "count": 1})
    async with outbound.client("sms") as client:
        assert (await client.post(url, json=body)).status_code == 503
        await outside.put("/faults/sms", json={"kind": "error", "status": 503, "count": 2})
        assert (await client.post(url, json=body, headers={"Idempotency-Key": '"a"'})).status_code == 202
    await outbound.close()


async def test_a_system_that_does_not_answer_is_left_alone_for_a_while(house: House) -> None:
    outbound = Outbound(house.settings.http)
    async with outbound.client("nobody") as client:
        for _ in range(house.settings.http.breaker_failures):
            with pytest.raises(OutsideUnavailable):
                await client.post("http://127.0.0.1:9/")
        began = datetime.now(UTC)
        with pytest.raises(OutsideUnavailable):
            await client.get("http://127.0.0.1:9/")
        assert (datetime.now(UTC) - began).total_seconds() < 0.05
    await outbound.close()


def test_a_breaker_lets_one_call_try_and_closes_when_it_succeeds() -> None:
    breaker = Breaker(2, open_s=0.0)
    breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.admits()
    shut = Breaker(1, open_s=1000)
    shut.failed()
    assert not shut.admits()


RATE = Rate("test", amount=60, window_s=60, burst=3)


async def test_a_rate_is_a_burst_and_then_one_by_one(house: House) -> None:
    key = new_id().hex
    spent = [await house.limits.spend(RATE, key) for _ in range(4)]
    assert [one.allowed for one in spent] == [True, True, True, False]
    assert [one.left for one in spent[:3]] == [2, 1, 0]
    assert 0 < spent[3].wait_s <= 1


async def test_without_redis_an_exact_rate_is_kept_in_postgresql(house: House) -> None:
    away = Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=0.2)
    limits = Limits(away, house.database, house.settings.limits)
    key = new_id().hex
    assert [(await limits.spend(RATE, key)).allowed for _ in range(4)] == [True, True, True, False]
    assert (await limits.spend_shared(limits.caller, key)).allowed
    await away.aclose()


async def test_without_redis_a_process_paces_by_itself(house: House) -> None:
    away = Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=0.2)
    limits = Limits(away, house.database, house.settings.limits)
    assert [(await limits.spend_shared(RATE, "me")).allowed for _ in range(5)] == [True, True, True, False, False]
    await away.aclose()


async def test_a_caller_who_spent_a_share_has_a_burst_when_redis_goes_away(house: House) -> None:
    redis = Redis.from_url(house.settings.redis_url)
    limits, key = Limits(redis, house.database, house.settings.limits), new_id().hex
    rate = Rate("leaving", amount=60, window_s=3600, burst=20)
    assert [(await limits.spend_shared(rate, key)).allowed for _ in range(20)] == [True] * 20
    await redis.connection_pool.disconnect()
    redis.connection_pool = ConnectionPool.from_url("redis://127.0.0.1:9/0")
    assert [(await limits.spend_shared(rate, key)).allowed for _ in range(21)] == [True] * 20 + [False]
    await redis.aclose()


async def test_what_one_caller_asks_at_once_costs_no_more_than_one_by_one(house: House) -> None:
    rate, key = Rate("at-once", amount=60, window_s=3600, burst=200), new_id().hex
    limits = Limits(house.redis, house.database, house.settings.limits)
    spent = await asyncio.gather(*(limits.spend_shared(rate, key) for _ in range(210)))
    assert [one.allowed for one in spent].count(True) == 200


async def test_who_sends_tokens_that_are_none_has_a_rate_too(house: House) -> None:
    few = structs.replace(
        house.settings, limits=structs.replace(house.settings.limits, caller_per_minute=1, caller_burst=3)
    )
    async with open_house(few) as narrow, create_app(narrow) as porch:
        transport = httpx2.ASGITransport(porch, client=(new_id().hex, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            headers = {"Authorization": "Bearer none"}
            answers = [await client.get("/v1/citizen/me", headers=headers) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]


async def test_a_shared_rate_runs_out_over_two_processes(house: House) -> None:
    rate, key = Rate("shared", amount=60, window_s=3600, burst=40), new_id().hex
    one, two = (Limits(house.redis, house.database, house.settings.limits) for _ in range(2))
    allowed = [(await limits.spend_shared(rate, key)).allowed for _ in range(30) for limits in (one, two)]
    assert allowed.count(True) == 40
    with pytest.raises(Exception, match="too-many-requests"):
        (await one.spend_shared(rate, key)).check()
