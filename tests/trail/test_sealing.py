"""Days that end: each entry sealed once, in order, under a signed and chained root; nothing is lost."""

import asyncio
import hashlib
import json
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from arq.connections import ArqRedis
from joserfc import jws
from joserfc.jwk import KeySet
from prometheus_client import generate_latest

from app.core import merkle, signing_keys
from app.core.ids import new_id
from app.core.principals import Nobody
from app.trail import rules, sealing
from tests.trail.conftest import Town
from workers.context import Run, open_context
from workers.ledger import Ledger
from workers.registry import WORKERS
from workers.relay import Relay

HOT = "SELECT day FROM trail_leaf WHERE entry_id = $1"


@pytest.fixture(autouse=True)
async def begun(town: Town) -> None:
    """There is a chain already."""
    if not await town.house.database.hot.fetchval("SELECT count(*) FROM trail_day"):
        await town.pass_day()


async def test_every_entry_of_a_day_becomes_a_leaf_in_order(town: Town) -> None:
    ids = [await town.happens(Nobody(), reason=f"số {number}") for number in range(5)]
    day = await town.pass_day()
    rows = await town.house.database.hot.fetch("SELECT * FROM trail_leaf WHERE day = $1 ORDER BY position", day)
    assert [row["entry_id"] for row in rows] == ids
    assert [row["position"] for row in rows] == list(range(5))
    record = await town.house.database.hot.fetchrow("SELECT * FROM trail_day WHERE day = $1", day)
    assert record is not None
    assert (record["count"], record["first"], record["last"]) == (5, ids[0], ids[-1])
    assert record["root"] == merkle.root([row["hash"] for row in rows])
    assert len({row["salt"] for row in rows}) == 5


async def test_the_record_is_signed_by_a_published_key_and_follows_the_day_before(town: Town) -> None:
    before, day = await town.pass_day(), await town.pass_day()
    nobody = town.make.nobody()
    keys = KeySet.import_key_set(await nobody.get("/.well-known/trail-keys.json"))
    shown, earlier = [await nobody.get(f"/v1/public/trail/days/{one}") for one in (day, before)]
    read = jws.deserialize_compact(shown["jws"], keys, algorithms=["ES256"])
    record = json.loads(read.payload)
    assert record["day"] == shown["day"] == str(day)
    assert (record["count"], record["root"]) == (0, hashlib.sha256().hexdigest())
    assert record["previous"] == hashlib.sha256(sealing.payload_of(earlier["jws"])).hexdigest()
    assert [one["day"] for one in (await nobody.get("/v1/public/trail/days?limit=2"))["items"]] == [
        str(day),
        str(before),
    ]


async def test_days_go_page_by_page_and_one_that_is_not_sealed_is_404(town: Town) -> None:
    newest = [await town.pass_day() for _ in range(3)][::-1]
    nobody = town.make.nobody()
    one = await nobody.get("/v1/public/trail/days?limit=1")
    two = await nobody.get(f"/v1/public/trail/days?limit=1&cursor={one['next']}")
    assert [one["items"][0]["day"], two["items"][0]["day"]] == [str(day) for day in newest[:2]]
    missing = await nobody.get("/v1/public/trail/days/2999-01-01", status=404)
    assert missing["code"] == "no-such-day"
    await nobody.get("/v1/public/trail/days/yesterday", status=404)
    await nobody.get("/v1/public/trail/days?cursor=nonsense", status=400)


async def test_a_day_is_sealed_only_when_it_is_over_and_then_once(town: Town) -> None:
    day = await town.pass_day()
    assert await town.seal() is None
    town.now += timedelta(hours=12, minutes=14)
    assert await town.seal() is None
    town.now += timedelta(minutes=2)
    assert await town.seal() == day + timedelta(days=1)
    town.now += timedelta(hours=11, minutes=44)


async def test_two_workers_at_once_seal_a_day_once(town: Town) -> None:
    entry = await town.happens(Nobody())
    town.now += timedelta(days=1)
    await town.tamper(
        f"UPDATE audit_entry SET at = '{(town.now - timedelta(days=1)).isoformat()}' WHERE id = '{entry}'"
    )
    sealed = await asyncio.gather(*(town.seal() for _ in range(3)))
    assert sorted(map(str, sealed))[1:] == ["None", "None"]
    assert await town.findings() == []


async def test_days_that_were_missed_are_sealed_one_by_one(town: Town) -> None:
    last = await town.pass_day()
    town.now += timedelta(days=3)
    assert [await town.seal() for _ in range(4)] == [*(last + timedelta(days=n) for n in (1, 2, 3)), None]


async def test_what_commits_late_is_waited_for(town: Town) -> None:
    """A transaction that wrote in the day and commits while the day is being sealed."""
    writer = await asyncpg.connect(town.house.settings.database_url)
    entry, at = new_id(), town.now.isoformat()
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute(
        "INSERT INTO audit_entry (id, at, actor_kind, action, subject_kind, subject_id, reason)"
        f" VALUES ('{entry}', '{at}', 'nobody', 'late', 'thing', '', '')"
    )
    town.now += timedelta(days=1)
    sealing_it = asyncio.create_task(town.seal())
    done, _ = await asyncio.wait([sealing_it], timeout=0.5)
    assert not done
    await transaction.commit()
    await writer.close()
    day = await sealing_it
    assert await town.house.database.hot.fetchval(HOT, entry) == day
    assert await town.findings() == []


async def test_a_transaction_that_never_ends_holds_the_sealing_up(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SETTLE_S", 0.3)
    writer = await asyncpg.connect(town.house.settings.database_url)
    transaction = writer.transaction()
    await transaction.start()
    await writer.fetchval("SELECT pg_current_xact_id()::text")
    town.now += timedelta(days=1)
    with pytest.raises(sealing.NotSettled):
        await town.seal()
    await transaction.rollback()
    await writer.close()
    assert await town.seal() is not None


async def test_an_entry_that_says_a_day_already_sealed_goes_into_the_next(town: Town) -> None:
    """A clock that was wrong: it is not lost, and `verify` says so."""
    old = await town.pass_day()
    entry = await town.happens(Nobody())
    await town.tamper(f"UPDATE audit_entry SET at = '{old}T10:00:00Z' WHERE id = '{entry}'")
    town.now += timedelta(days=1)
    next_day = await town.seal()
    assert await town.house.database.hot.fetchval(HOT, entry) == next_day
    assert [one.split(" ")[1] for one in await town.findings(next_day)] == [str(entry)]


async def test_an_entry_from_before_there_was_a_chain_is_in_its_first_day(victim: Town) -> None:
    first = await victim.happens(Nobody())
    later = await victim.happens(Nobody())
    await victim.tamper(
        "DELETE FROM trail_pending",
        f"UPDATE audit_entry SET at = '2001-01-01T00:00:00Z' WHERE id = '{first}'",
        f"UPDATE audit_entry SET at = '{victim.now.isoformat()}' WHERE id = '{later}'",
    )
    one = await victim.seal()
    assert one == victim.now.date() - timedelta(days=1)
    assert await victim.house.database.hot.fetchval(HOT, first) == one
    victim.now += timedelta(days=1)
    assert await victim.house.database.hot.fetchval(HOT, later) is None
    two = await victim.seal()
    assert await victim.house.database.hot.fetchval(HOT, later) == two
    assert await victim.findings() == []


async def test_more_entries_than_one_block(victim: Town) -> None:
    """Made by one statement: the trigger is of the table."""
    await victim.tamper(
        "INSERT INTO audit_entry (id, at, actor_kind, action, subject_kind, subject_id, reason, facts)"
        " SELECT gen_random_uuid(), now(), 'nobody', 'many', 'thing', n::text, 'một lý do', jsonb_build_object('n', n / 7.0)"
        f" FROM generate_series(1, {rules.BLOCK * 2 + 37}) AS n"
    )
    day = await victim.pass_day()
    row = await victim.house.database.hot.fetchrow("SELECT * FROM trail_day WHERE day = $1", day)
    hashes = await victim.house.database.hot.fetch("SELECT hash FROM trail_leaf WHERE day = $1 ORDER BY position", day)
    assert row is not None
    assert (row["count"], len(hashes)) == (rules.BLOCK * 2 + 37,) * 2
    assert row["root"] == merkle.root([one["hash"] for one in hashes])
    assert len(row["blocks"]) == 3 * 32
    assert await victim.findings() == []
    assert not await victim.house.database.hot.fetchval("SELECT count(*) FROM trail_pending")


@pytest.mark.parametrize("table", ["trail_day", "trail_leaf"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET day = day", "DELETE FROM {}", "TRUNCATE {}"])
async def test_what_is_sealed_cannot_be_changed_by_the_application(town: Town, table: str, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await town.house.database.hot.execute(statement.format(table))


async def test_days_signed_by_a_key_that_was_turned_since_stay_good(town: Town) -> None:
    before = await town.pass_day()
    async with town.house.database.transaction() as db:
        await signing_keys.rotate(db, town.house.crypto, signing_keys.TRAIL, None, timedelta(0))
    async with town.house.database.transaction() as db:
        await signing_keys.forget_old(db)
    after = await town.pass_day()
    kids = [(await town.make.nobody().get(f"/v1/public/trail/days/{day}"))["kid"] for day in (before, after)]
    published = (await town.make.nobody().get("/.well-known/trail-keys.json"))["keys"]
    assert kids[0] != kids[1]
    assert {*kids} < {key["kid"] for key in published}
    assert all("d" not in key for key in published)
    assert await town.findings(before) == []


async def test_a_key_of_the_trail_cannot_be_let_go(town: Town) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await town.house.database.hot.execute("UPDATE signing_key SET verifies_until = now() WHERE purpose = 'trail'")


async def test_the_keys_of_the_trail_are_none_of_the_tokens(town: Town) -> None:
    nobody = town.make.nobody()
    kids = [
        {key["kid"] for key in (await nobody.get(f"/.well-known/{name}.json"))["keys"]}
        for name in ("jwks", "trail-keys")
    ]
    assert kids[0]
    assert kids[1]
    assert not kids[0] & kids[1]


async def test_the_job_seals_all_that_is_over_and_twice_is_once(victim: Town) -> None:
    async with open_context(victim.house.settings) as context:
        for _ in range(2):
            await WORKERS["seal-trail"](context, Run(new_id(), 1, {}))
    assert [row["day"] for row in await victim.house.database.hot.fetch("SELECT day FROM trail_day")] == [
        rules.last_over(datetime.now(UTC))
    ]


async def test_a_worker_says_how_many_days_wait(victim: Town) -> None:
    await victim.pass_day()
    settings, database = victim.house.settings, victim.house.database
    await Relay(settings, Ledger(database, new_id()), ArqRedis.from_url(settings.redis_url))._measure()
    behind = rules.last_over(datetime.now(UTC)) - (victim.now.date() - timedelta(days=1))
    assert f"khue_trail_days_unsealed {float(behind.days)}" in generate_latest().decode()


def test_how_many_days_wait() -> None:
    now = rules.end_of(date(2026, 3, 9)) + timedelta(minutes=15)
    assert rules.days_due(None, now) == 1
    assert rules.days_due(date(2026, 3, 9), now) == 0
    assert rules.days_due(date(2026, 3, 7), now) == 2
    assert rules.days_due(date(2026, 3, 8), now - timedelta(seconds=1)) == 0
    assert rules.days_due(date(2026, 3, 12), now) == 0
