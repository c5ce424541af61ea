"""Purposes and consents: what was shown is kept, nothing is on by default, what is over is worth nothing."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from app.consents import queries
from app.core.house import House
from sandbox.phone import Resident
from seeds import load
from tests.consents.purposes import purpose, version, yes
from tests.make import Make

CONSENTS = "/v1/citizen/consents"


async def allowed(house: House, citizen: Resident, code: str, data: str = "contact", recipient: str = "") -> bool:
    account_id = UUID((await citizen.get("/v1/citizen/me"))["id"])
    async with house.database.transaction() as db:
        return await queries.allows(db, account_id, code, data, recipient)


async def test_every_purpose_is_told_in_both_languages(make: Make) -> None:
    purposes = await make.nobody().get("/v1/public/purposes")
    assert {"surveys", "city-news", "partner-sharing"} <= {one["code"] for one in purposes}
    for one in purposes:
        assert all(one["vi"].values())
        assert all(one["en"].values())
    shown = await make.nobody().get("/v1/public/purposes/surveys")
    assert shown["current"] == shown["versions"][0]
    assert (await make.nobody().get("/v1/public/purposes/nope", status=404))["code"] == "no-such-purpose"


async def test_nothing_is_agreed_to_by_default(citizen: Resident, house: House) -> None:
    assert (await citizen.get(CONSENTS))["items"] == []
    for one in ("surveys", "city-news"):
        assert not await allowed(house, citizen, one)


async def test_a_consent_keeps_what_was_shown_when_and_how(citizen: Resident, house: House) -> None:
    code = await purpose(house)
    before = datetime.now(UTC)
    made = await citizen.post(CONSENTS, yes(code, language="en"))
    assert made["shown"]["title"] == "title 1 en"
    written = msgspec.json.encode(made["shown"])
    assert made["shown_hash"] == hashlib.sha256(written).hexdigest()
    assert made["method"] == "eid"
    assert before <= datetime.fromisoformat(made["granted_at"]) <= datetime.now(UTC)
    assert (await citizen.get(CONSENTS))["items"] == [made]
    row = await house.database.hot.fetchrow(
        "SELECT * FROM audit_entry WHERE subject_id = $1 AND action = 'consent.granted'", made["id"]
    )
    assert row is not None
    assert row["facts"] == {"purpose": code, "version": 1}
    assert row["request_id"]
    kept = await house.database.hot.fetchval("SELECT session_id FROM consent WHERE id = $1", UUID(made["id"]))
    assert kept == citizen.session_id


async def test_a_consent_allows_this_data_for_this_purpose_and_no_more(make: Make, house: House) -> None:
    citizen, other = await make.citizen(), await make.citizen()
    code, another = await purpose(house), await purpose(house)
    await citizen.post(CONSENTS, yes(code))
    assert await allowed(house, citizen, code)
    assert not await allowed(house, citizen, code, "name")
    assert not await allowed(house, citizen, code, "contact", "VNPT")
    assert not await allowed(house, citizen, another)
    assert not await allowed(house, other, code)


async def test_an_outdated_version_is_refused_and_the_app_is_told_which_to_show(
    citizen: Resident, house: House
) -> None:
    code = await purpose(house)
    await version(house, code, 2)
    problem = await citizen.post(CONSENTS, yes(code), status=409)
    assert problem["code"] == "purpose-outdated"
    assert problem["params"] == {"current": 2, "shown": 1}
    await citizen.post(CONSENTS, yes(code, version=2))


async def test_a_version_counts_from_its_day_on(citizen: Resident, house: House) -> None:
    code = await purpose(house)
    await version(house, code, 2, widens=True, effective_from=datetime.now(UTC) + timedelta(days=1))
    await citizen.post(CONSENTS, yes(code))
    assert await allowed(house, citizen, code)
    assert (await citizen.post(CONSENTS, yes(code, version=2), status=409))["params"]["current"] == 1


async def test_a_version_that_asks_for_more_needs_a_new_yes_and_one_that_does_not_needs_none(
    citizen: Resident, house: House
) -> None:
    code = await purpose(house)
    made = await citizen.post(CONSENTS, yes(code))
    await version(house, code, 2)
    assert await allowed(house, citizen, code)
    await version(house, code, 3, widens=True)
    assert not await allowed(house, citizen, code)
    assert (await citizen.get(f"{CONSENTS}/{made['id']}"))["standing"] == "outdated"
    await citizen.post(CONSENTS, yes(code, version=3))
    assert await allowed(house, citizen, code)
    standings = [one["standing"] for one in (await citizen.get(CONSENTS))["items"]]
    assert standings == ["active", "replaced"]


async def test_the_same_yes_twice_is_one_consent(citizen: Resident, house: House) -> None:
    code = await purpose(house)
    answers = await asyncio.gather(*(citizen.post(CONSENTS, yes(code)) for _ in range(3)))
    assert len({one["id"] for one in answers}) == 1
    assert (await citizen.post(CONSENTS, yes(code)))["id"] == answers[0]["id"]
    assert len((await citizen.get(CONSENTS))["items"]) == 1


async def test_the_same_yes_to_what_lasts_is_one_consent_and_a_longer_one_is_another(
    citizen: Resident, house: House
) -> None:
    code = await purpose(house, lasts_days=30)
    far = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    first = await citizen.post(CONSENTS, yes(code))
    for again in (yes(code), yes(code, expires_at=far)):
        assert (await citizen.post(CONSENTS, again))["id"] == first["id"]
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    shorter = await citizen.post(CONSENTS, yes(code, expires_at=soon))
    assert (await citizen.post(CONSENTS, yes(code, expires_at=soon)))["id"] == shorter["id"] != first["id"]
    assert (await citizen.post(CONSENTS, yes(code)))["id"] != shorter["id"]


async def test_a_yes_to_other_data_takes_the_place_of_the_one_before(citizen: Resident, house: House) -> None:
    code = await purpose(house)
    first = await citizen.post(CONSENTS, yes(code))
    await citizen.post(CONSENTS, yes(code, data_classes=["name"]))
    assert (await citizen.get(f"{CONSENTS}/{first['id']}"))["standing"] == "replaced"
    assert not await allowed(house, citizen, code, "contact")
    assert await allowed(house, citizen, code, "name")


async def test_a_withdrawal_is_one_request_and_in_force_at_once(make: Make, house: House) -> None:
    citizen = await make.citizen(proved_ago_s=86400)
    code = await purpose(house)
    made = await citizen.post(CONSENTS, yes(code))
    ended = await citizen.post(f"{CONSENTS}/{made['id']}/withdrawals")
    assert ended["standing"] == "withdrawn"
    assert ended["ended_at"]
    assert not await allowed(house, citizen, code)
    again = await citizen.post(CONSENTS, yes(code))
    assert again["id"] != made["id"]


async def test_what_is_withdrawn_cannot_be_withdrawn_again(citizen: Resident, house: House) -> None:
    code = await purpose(house)
    made = await citizen.post(CONSENTS, yes(code))
    path = f"{CONSENTS}/{made['id']}/withdrawals"
    ended = await citizen.post(path, key="w1")
    assert await citizen.post(path, key="w1") == ended
    assert (await citizen.post(path, status=409))["code"] == "consent-over"


async def test_of_two_withdrawals_at_once_one_counts(citizen: Resident, house: House) -> None:
    made = await citizen.post(CONSENTS, yes(await purpose(house)))
    headers = {"Authorization": f"Bearer {citizen.token}"}
    answers = await asyncio.gather(
        *(
            citizen.api.post(
                f"{CONSENTS}/{made['id']}/withdrawals", headers=headers | {"Idempotency-Key": f'"two-{number}"'}
            )
            for number in range(2)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    actions = await house.database.hot.fetch("SELECT action FROM audit_entry WHERE subject_id = $1", made["id"])
    assert sorted(row["action"] for row in actions) == ["consent.granted", "consent.withdrawn"]


async def test_somebody_elses_consent_is_not_there(make: Make, citizen: Resident, house: House) -> None:
    made = await citizen.post(CONSENTS, yes(await purpose(house)))
    other = await make.citizen()
    assert (await other.get(f"{CONSENTS}/{made['id']}", status=404))["code"] == "no-such-consent"
    await other.post(f"{CONSENTS}/{made['id']}/withdrawals", status=404)
    assert (await other.get(CONSENTS))["items"] == []
    assert (await citizen.get(f"{CONSENTS}/{made['id']}"))["standing"] == "active"


async def test_nobody_agrees_for_somebody_else(make: Make, citizen: Resident, house: House) -> None:
    code = await purpose(house)
    other = (await (await make.citizen()).get("/v1/citizen/me"))["id"]
    answer = await citizen.post(CONSENTS, yes(code), status=403, headers={"X-On-Behalf-Of": other})
    assert answer["code"] == "not-on-behalf"


async def test_a_consent_ends_when_the_resident_said_so_and_no_later_than_its_purpose_allows(
    citizen: Resident, house: House
) -> None:
    code = await purpose(house, lasts_days=30)
    until = datetime.now(UTC) + timedelta(days=3)
    made = await citizen.post(CONSENTS, yes(code, expires_at=until.isoformat()))
    assert datetime.fromisoformat(made["expires_at"]) == until
    far = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    capped = await citizen.post(CONSENTS, yes(code, expires_at=far))
    assert datetime.fromisoformat(capped["expires_at"]) < datetime.now(UTC) + timedelta(days=31)
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    assert (await citizen.post(CONSENTS, yes(code, expires_at=past), status=422))["code"] == "bad-consent-expiry"


async def test_what_has_expired_is_worth_nothing(citizen: Resident, house: House, addresses: tuple[str, str]) -> None:
    code = await purpose(house)
    until = datetime.now(UTC) + timedelta(days=1)
    made = await citizen.post(CONSENTS, yes(code, expires_at=until.isoformat()))
    assert await allowed(house, citizen, code)
    await age(house, addresses, made["id"])
    assert not await allowed(house, citizen, code)
    assert (await citizen.get(f"{CONSENTS}/{made['id']}"))["standing"] == "expired"
    assert (await citizen.post(CONSENTS, yes(code)))["id"] != made["id"]


async def age(house: House, addresses: tuple[str, str], consent_id: str) -> None:
    """A consent of a day ago that ended a minute ago; only the owner of the table can make it so."""
    name = await house.database.hot.fetchval("SELECT current_database()")
    owner = await asyncpg.connect(addresses[0].rsplit("/", 1)[0] + f"/{name}")
    await owner.execute(
        "UPDATE consent SET granted_at = now() - interval '1 day', expires_at = now() - interval '1 minute' WHERE id = $1",
        UUID(consent_id),
    )
    await owner.close()


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"data_classes": ["personal_number"]}, 422, "bad-consent-scope"),
        ({"data_classes": []}, 400, "invalid-input"),
        ({"recipient": "VNPT"}, 422, "consent-recipient-unknown"),
        ({"version": 0}, 400, "invalid-input"),
        ({"language": "fr"}, 400, "invalid-input"),
        ({"purpose": "nope"}, 404, "no-such-purpose"),
        ({"agreed": True}, 400, "invalid-input"),
    ],
)
async def test_what_does_not_fit_the_purpose_is_refused(
    citizen: Resident, house: House, changed: dict[str, Any], status: int, code: str
) -> None:
    made = await purpose(house)
    refused = await citizen.call("POST", CONSENTS, json=yes(made) | changed, status=status)
    assert refused.json()["code"] == code
    assert (await citizen.get(CONSENTS))["items"] == []


async def test_a_purpose_that_passes_data_on_names_to_whom_and_each_recipient_needs_a_yes(
    citizen: Resident, house: House
) -> None:
    code = await purpose(house, needs_recipient=True)
    assert (await citizen.post(CONSENTS, yes(code), status=422))["code"] == "consent-recipient-needed"
    await citizen.post(CONSENTS, yes(code, recipient="Bệnh viện Bạch Mai"))
    assert await allowed(house, citizen, code, recipient="Bệnh viện Bạch Mai")
    assert not await allowed(house, citizen, code, recipient="Bệnh viện K")
    await citizen.post(CONSENTS, yes(code, recipient="Bệnh viện K"))
    assert [one["standing"] for one in (await citizen.get(CONSENTS))["items"]] == ["active", "active"]


@pytest.mark.parametrize(
    ("table", "column"),
    [("purpose_version", "version"), ("consent", "version"), ("consent_ending", "at"), ("data_request_event", "at")],
)
async def test_history_cannot_be_edited(house: House, table: str, column: str) -> None:
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.database.hot.execute(statement)


async def test_the_list_is_read_in_pages(citizen: Resident, house: House) -> None:
    made = [(await citizen.post(CONSENTS, yes(await purpose(house))))["id"] for _ in range(3)]
    first = await citizen.get(f"{CONSENTS}?limit=2")
    rest = await citizen.get(f"{CONSENTS}?limit=2&cursor={first['next']}")
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert "next" not in rest or rest["next"] is None


async def test_the_texts_of_the_seeds_can_be_loaded_again_and_are_never_edited(house: House) -> None:
    mark = "UPDATE template SET title_en = 'edited' WHERE code = 'ticket-rate'"
    await house.database.hot.execute(mark)
    before = await house.database.hot.fetch("SELECT * FROM purpose_version WHERE purpose_code = 'surveys'")
    await load.load(house.database, overwrite=True)
    assert await house.database.hot.fetch("SELECT * FROM purpose_version WHERE purpose_code = 'surveys'") == before
    assert await house.database.hot.fetchval("SELECT title_en FROM template WHERE code = 'ticket-rate'") != "edited"
