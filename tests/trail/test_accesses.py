"""What a resident sees of who looked at their data, and the proof that they take home."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from app.core.ids import new_id
from app.core.principals import Citizen, Nobody, Partner
from sandbox.phone import Resident
from tests.trail.conftest import Town, script

PATH = "/v1/citizen/me/accesses"
KEYS = "/.well-known/trail-keys.json"


async def id_of(citizen: Resident) -> UUID:
    return UUID((await citizen.get("/v1/citizen/me"))["id"])


async def opened(town: Town, citizen: Resident, **more: Any) -> str:
    """An officer opens the account."""
    columns = {
        "id": new_id(),
        "at": datetime.now(UTC),
        "actor_kind": "officer",
        "actor_id": new_id(),
        "unit": "SO-XD",
        "account_id": await id_of(citizen),
        "action": "account.opened",
        "subject_kind": "account",
        "subject_id": "",
        "reason": "gọi lại theo yêu cầu",
        "address": "10.1.2.3",
        "request_id": "req-12345678",
        "facts": {},
    } | more
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await town.house.database.hot.execute(
        f"INSERT INTO audit_entry ({', '.join(columns)}) VALUES ({places})", *columns.values()
    )
    return str(columns["id"])


async def test_an_access_by_an_officer_is_shown_in_words(town: Town) -> None:
    citizen, officer = await town.make.citizen(), await town.make.officer("SO-XD")
    officer_id = UUID((await officer.get("/v1/officer/me"))["id"])
    entry = await opened(town, citizen, actor_id=officer_id)
    (shown,) = (await citizen.get(PATH))["items"]
    assert (shown["id"], shown["by"], shown["reason"]) == (entry, "officer", "gọi lại theo yêu cầu")
    assert shown["words"] == "Xem hồ sơ tài khoản của bạn (các số đã che bớt)"
    assert shown["units"] == [{"code": "SO-XD", "name": "Sở Xây dựng"}]
    assert shown["roles"] == ["Cán bộ xử lý"]
    assert shown["officer_code"] == f"CB-{officer_id.hex[-8:].upper()}"
    assert "Trần Thị Bình" not in json.dumps(shown, ensure_ascii=False)
    assert "10.1.2.3" not in json.dumps(shown)


async def test_the_words_are_english_for_who_asks_for_them(town: Town) -> None:
    citizen = await town.make.citizen()
    await opened(town, citizen)
    answer = await citizen.call("GET", PATH, status=200, headers={"Accept-Language": "en"})
    (shown,) = answer.json()["items"]
    assert shown["words"] == "Opened your account (numbers masked)"
    assert shown["subject"]["words"] == "account"


async def test_an_action_without_words_is_still_readable(town: Town) -> None:
    citizen = await town.make.citizen()
    await opened(town, citizen, action="future.thing", subject_kind="gadget", unit="GONE")
    (shown,) = (await citizen.get(PATH))["items"]
    assert shown["words"] == "Đã xem hoặc thay đổi dữ liệu của bạn (future.thing)"
    assert shown["subject"]["words"] == "gadget"
    assert shown["units"] == [{"code": "GONE", "name": "GONE"}]


async def test_what_officers_do_with_a_ticket_is_shown_to_its_sender(town: Town) -> None:
    citizen, officer = await town.make.citizen(), await town.make.officer("SO-XD")
    ticket = await town.make.ticket(citizen, photo_ids=[await town.make.photo(citizen)])
    await officer.get(f"/v1/officer/tickets/{ticket['id']}")
    await officer.get(f"/v1/officer/tickets/{ticket['id']}/events")
    await officer.call("GET", f"/v1/officer/photos/{ticket['photo_ids'][0]}", status=200)
    await town.make.answered(officer, ticket)
    shown = (await citizen.get(PATH))["items"]
    assert [one["action"] for one in shown if one["action"] != "ticket.opened"] == [
        "ticket.answered",
        "ticket.moved",
        "ticket.photo-opened",
        "ticket.history-opened",
    ]
    assert shown[-1]["action"] == "ticket.opened"
    assert shown[-1]["words"] == "Xem phản ánh của bạn"
    assert shown[-1]["subject"] == {"kind": "ticket", "id": ticket["id"], "words": f"phản ánh {ticket['code']}"}
    assert {unit["code"] for one in shown for unit in one["units"]} == {"SO-XD"}


async def test_a_ticket_in_an_officers_list_is_shown_once_a_day(town: Town) -> None:
    citizen = await town.make.citizen()
    officer, colleague = await town.make.officer("SO-XD"), await town.make.officer("SO-XD")
    tickets = [await town.make.ticket(citizen) for _ in range(2)]
    for _ in range(2):
        listed = (await officer.get("/v1/officer/tickets?limit=100"))["items"]
        assert {ticket["id"] for ticket in tickets} <= {one["id"] for one in listed}
    shown = (await citizen.get(PATH))["items"]
    assert sorted(one["subject"]["id"] for one in shown) == sorted(ticket["id"] for ticket in tickets)
    assert {(one["action"], one["words"]) for one in shown} == {
        ("ticket.listed", "Thấy phản ánh của bạn trong danh sách việc cần xử lý")
    }
    await colleague.get("/v1/officer/tickets?limit=100")
    assert len((await citizen.get(PATH))["items"]) == 4


async def test_what_was_not_on_the_page_leaves_no_entry(town: Town) -> None:
    citizen, officer = await town.make.citizen(), await town.make.officer("SO-XD")
    await town.make.ticket(await town.make.citizen())
    await town.make.ticket(citizen)
    page = await officer.get("/v1/officer/tickets?limit=1")
    mine = (await citizen.get(PATH))["items"]
    assert page["next"]
    assert not mine


async def test_what_an_officer_may_not_see_leaves_no_entry(town: Town) -> None:
    citizen, stranger = await town.make.citizen(), await town.make.officer("SO-YT")
    ticket = await town.make.ticket(citizen)
    await stranger.get(f"/v1/officer/tickets/{ticket['id']}", status=404)
    await stranger.get(f"/v1/officer/tickets/{ticket['id']}/events", status=404)
    assert (await citizen.get(PATH))["items"] == []


async def test_partners_and_delegates_are_shown_and_told_apart(town: Town) -> None:
    citizen, daughter, hospital = await town.make.citizen(), new_id(), new_id()
    me = await id_of(citizen)
    await town.happens(Partner(hospital, frozenset()), "health.read", account_id=me)
    await town.happens(Citizen(me, new_id(), 1, actor_id=daughter), "consent.granted", account_id=me)
    await town.happens(Citizen(me, new_id(), 1), "signed-in", account_id=me)
    await town.happens(Nobody(), "state-changed", account_id=me)
    shown = (await citizen.get(PATH))["items"]
    assert [(one["by"], one["actor_id"]) for one in shown] == [("delegate", str(daughter)), ("partner", str(hospital))]
    for by, many in (("delegate", 1), ("partner", 1), ("officer", 0), ("self", 1)):
        found = (await citizen.get(f"{PATH}?by={by}"))["items"]
        assert [one["by"] for one in found] == [by] * many
    await citizen.get(f"{PATH}?by=nobody", status=400)


async def test_accesses_go_newest_first_page_by_page_and_by_time(town: Town) -> None:
    citizen = await town.make.citizen()
    long_ago = datetime.now(UTC) - timedelta(days=400)
    entries = [await opened(town, citizen, at=long_ago + timedelta(days=number)) for number in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await citizen.get(f"{PATH}?limit=2{cursor}")
        seen += [one["id"] for one in page["items"]]
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    assert seen == entries[::-1]
    window = {"since": (long_ago + timedelta(days=1)).isoformat(), "until": (long_ago + timedelta(days=3)).isoformat()}
    answer = await citizen.call("GET", PATH, status=200, params=window)
    assert [one["id"] for one in answer.json()["items"]] == [entries[2], entries[1]]
    naive = {"since": (long_ago + timedelta(days=4)).replace(tzinfo=None).isoformat()}
    assert len((await citizen.call("GET", PATH, status=200, params=naive)).json()["items"]) == 1


async def test_nobody_sees_what_was_done_to_others(town: Town) -> None:
    citizen, other = await town.make.citizen(), await town.make.citizen()
    entry = await opened(town, citizen)
    await town.pass_day()
    assert (await other.get(PATH))["items"] == []
    assert (await other.get(f"{PATH}/{entry}/proof", status=404))["code"] == "no-such-access"
    assert (await other.get(f"{PATH}/{new_id()}/proof", status=404))["code"] == "no-such-access"


async def test_what_was_done_to_an_account_that_was_merged_is_shown_to_its_heir(town: Town) -> None:
    old, heir = await town.make.citizen(), await town.make.citizen()
    entry = await opened(town, old)
    await town.tamper(f"UPDATE account SET merged_into = '{await id_of(heir)}' WHERE id = '{await id_of(old)}'")
    await town.pass_day()
    assert [one["id"] for one in (await heir.get(PATH))["items"]] == [entry]
    await heir.get(f"{PATH}/{entry}/proof")


async def test_a_proof_is_to_be_had_tomorrow(town: Town) -> None:
    citizen = await town.make.citizen()
    entry = await opened(town, citizen)
    wrong = await citizen.get(f"{PATH}/{entry}/proof", status=409)
    assert wrong["code"] == "not-sealed-yet"
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert wrong["params"]["available_at"] == f"{tomorrow}T08:00+07:00"
    assert wrong["params"]["available_at"] in wrong["detail"]
    assert [one["sealed"] for one in (await citizen.get(PATH))["items"]] == [False]
    await town.pass_day()
    assert [one["sealed"] for one in (await citizen.get(PATH))["items"]] == [True]
    answer = await citizen.call("GET", f"{PATH}/{entry}/proof", status=200)
    assert answer.headers["content-disposition"] == f'attachment; filename="khue-proof-{entry}.json"'
    assert "no-store" in answer.headers["cache-control"]


async def proof_of(town: Town, citizen: Resident) -> tuple[dict[str, Any], Any]:
    """One of several entries of a day, with its proof and the keys."""
    for number in range(3):
        await opened(town, await town.make.citizen(), reason=f"người khác {number}")
    entry = await opened(town, citizen)
    for number in range(2):
        await opened(town, await town.make.citizen(), reason=f"người khác {number}")
    await town.pass_day()
    return await citizen.get(f"{PATH}/{entry}/proof"), await town.make.nobody().get(KEYS)


async def test_a_resident_checks_a_proof_without_us(town: Town, folder: Path) -> None:
    citizen = await town.make.citizen()
    proof, keys = await proof_of(town, citizen)
    code, words = script(folder, proof, keys)
    assert (code, words.splitlines()[0]) == (0, "PROVED. This entry is number 4 of 6")
    assert "reason: gọi lại theo yêu cầu" in words
    day = await town.make.nobody().get(f"/v1/public/trail/days/{proof['day']}")
    assert script(folder, proof, keys, "--root", day["root"].upper())[0] == 0
    assert "10.1.2.3" not in json.dumps(proof)
    assert "req-12345678" not in json.dumps(proof)


async def test_ones_own_act_has_a_proof_too(town: Town, folder: Path) -> None:
    citizen = await town.make.citizen()
    me = await id_of(citizen)
    entry = await town.happens(Citizen(me, new_id(), 1), "signed-in", account_id=me, method="eid")
    for_child = await town.happens(Citizen(new_id(), new_id(), 1, actor_id=me), "consent.granted", account_id=new_id())
    await town.pass_day()
    keys = await town.make.nobody().get(KEYS)
    for one in (entry, for_child):
        assert script(folder, await citizen.get(f"{PATH}/{one}/proof"), keys)[0] == 0


def changed_entry(proof: dict[str, Any], _: Any) -> None:
    proof["entry"] = proof["entry"].replace("gọi lại", "kiểm tra")


def changed_path(proof: dict[str, Any], _: Any) -> None:
    proof["path"][1] = "00" * 32


def cut_path(proof: dict[str, Any], _: Any) -> None:
    proof["path"].pop()


def another_place(proof: dict[str, Any], _: Any) -> None:
    proof["index"] -= 1


def another_size(proof: dict[str, Any], _: Any) -> None:
    proof["size"] += 1


def another_salt(proof: dict[str, Any], _: Any) -> None:
    proof["salt"] = "00" * 16


def another_root(proof: dict[str, Any], _: Any) -> None:
    proof["root"] = "00" * 32


def signed_root_changed(proof: dict[str, Any], _: Any) -> None:
    head, _, signature = proof["jws"].split(".")
    payload = json.dumps(json.loads(jws.extract_compact(proof["jws"].encode()).payload) | {"root": "00" * 32})
    proof["jws"] = f"{head}.{base64.urlsafe_b64encode(payload.encode()).rstrip(b'=').decode()}.{signature}"
    proof["root"] = "00" * 32


def other_key(_: dict[str, Any], keys: Any) -> None:
    for key in keys["keys"]:
        key |= {name: ECKey.generate_key("P-256").as_dict(private=False)[name] for name in ("x", "y")}


def resigned(proof: dict[str, Any], _: Any) -> None:
    """By somebody who is not the city, under the city's key id."""
    header = {"alg": "ES256", "typ": "khue-trail-day+jws", "kid": proof["kid"]}
    payload = jws.extract_compact(proof["jws"].encode()).payload
    proof["jws"] = jws.serialize_compact(header, payload, ECKey.generate_key("P-256"), algorithms=["ES256"])


def no_such_key(_: dict[str, Any], keys: Any) -> None:
    keys["keys"] = [key | {"kid": uuid.uuid4().hex} for key in keys["keys"]]


def unsigned(proof: dict[str, Any], _: Any) -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": proof["kid"]}).encode()).rstrip(b"=").decode()
    proof["jws"] = f"{head}.{proof['jws'].split('.')[1]}."


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (changed_entry, "The entry is not in the trail"),
        (changed_path, "The entry is not in the trail"),
        (cut_path, "The entry is not in the trail"),
        (another_place, "The entry is not in the trail"),
        (another_salt, "The entry is not in the trail"),
        (another_size, "The place of the entry is not in a trail of this size"),
        (another_root, "names another root or day"),
        (signed_root_changed, "The signature is wrong"),
        (other_key, "The signature is wrong"),
        (resigned, "The signature is wrong"),
        (no_such_key, "is not among these public keys"),
        (unsigned, "not signed as the city signs"),
    ],
)
async def test_a_proof_that_was_tampered_with_proves_nothing(
    town: Town, folder: Path, sealed_proof: tuple[dict[str, Any], Any], tamper: Any, words: str
) -> None:
    proof, keys = json.loads(json.dumps(sealed_proof))
    tamper(proof, keys)
    code, said = script(folder, proof, keys)
    assert code == 1
    assert said.startswith("NOT PROVED. ")
    assert words in said


@pytest.fixture(scope="module")
async def sealed_proof(town: Town) -> tuple[dict[str, Any], Any]:
    return await proof_of(town, await town.make.citizen())


async def test_a_root_that_somebody_kept_unmasks_a_second_history(
    folder: Path, sealed_proof: tuple[dict[str, Any], Any]
) -> None:
    code, said = script(folder, *sealed_proof, "--root", "ab" * 32)
    assert code == 1
    assert "two different records of this day" in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "khue-trail-proof/9"}', "no json"])
def test_what_is_no_proof_is_said_to_be_none(folder: Path, text: str) -> None:
    code, said = script(folder, text, {"keys": []})
    assert code == 2
    assert said.startswith("This cannot be read as a proof and keys")
    assert "Traceback" not in said


async def test_neighbours_on_a_path_cannot_be_guessed(town: Town) -> None:
    """Two entries that say the same have leaves that have nothing in common."""
    one, two = [await town.happens(Nobody(), "same") for _ in range(2)]
    day = await town.pass_day()
    rows = await town.house.database.hot.fetch("SELECT salt, hash FROM trail_leaf WHERE day = $1", day)
    assert one != two
    assert len({row["salt"] for row in rows} | {row["hash"] for row in rows}) == 4
    assert all(len(row["salt"]) == 32 for row in rows)
