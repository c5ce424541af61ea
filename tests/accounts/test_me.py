"""One's own account: profile, devices."""

from sandbox.phone import Resident
from tests.make import Make


async def test_language_and_name_can_be_changed_before_they_are_proved(make: Make, citizen: Resident) -> None:
    tag = (await citizen.call("GET", "/v1/citizen/me", status=200)).headers["etag"]
    body = {"language": "en", "full_name": "Nguyễn Thị Ánh"}
    changed = await citizen.call("PATCH", "/v1/citizen/me", json=body, headers={"If-Match": tag}, status=200)
    assert changed.json()["language"] == "en"
    assert (await citizen.get("/v1/citizen/me"))["full_name"] == "Nguyễn Thị Ánh"
    stale = await citizen.call("PATCH", "/v1/citizen/me", json=body, headers={"If-Match": tag}, status=412)
    assert stale.json()["code"] == "stale"


async def test_decomposed_vietnamese_is_kept_in_nfc(citizen: Resident) -> None:
    body = {"full_name": "Nguye\u0302\u0303n"}
    answer = await citizen.call("PATCH", "/v1/citizen/me", json=body, headers={"If-Match": "*"}, status=200)
    assert answer.json()["full_name"] == "Nguyễn"


async def test_a_proved_name_stays_and_a_masked_value_is_never_taken_in(make: Make, citizen: Resident) -> None:
    proved = await make.citizen(level=2)
    call = {"headers": {"If-Match": "*"}}
    answer = await proved.call("PATCH", "/v1/citizen/me", json={"full_name": "Khác"}, status=409, **call)
    assert answer.json()["code"] == "name-proved"
    answer = await citizen.call("PATCH", "/v1/citizen/me", json={"full_name": "Ng••• An"}, status=422, **call)
    assert answer.json()["code"] == "masked-value"


async def test_a_phone_is_registered_once_and_removed(make: Make, citizen: Resident) -> None:
    token = await citizen.get_phone("mine")
    again = {"kind": "token", "value": token, "platform": "android", "name": "mine again"}
    await citizen.post("/v1/citizen/devices", again)
    (device,) = await citizen.get("/v1/citizen/devices")
    assert device["name"] == "mine again"
    other = await make.citizen()
    await other.call("DELETE", f"/v1/citizen/devices/{device['id']}", status=404)
    await citizen.call("DELETE", f"/v1/citizen/devices/{device['id']}", status=204)
    assert await citizen.get("/v1/citizen/devices") == []


async def test_each_change_stands_on_the_trail_without_what_it_says(citizen: Resident, make: Make) -> None:
    body, match = {"language": "en", "full_name": "Nguyễn Thị Ánh"}, {"If-Match": "*"}
    await citizen.call("PATCH", "/v1/citizen/me", json=body, headers=match, status=200)
    await citizen.get_phone()
    (device,) = await citizen.get("/v1/citizen/devices")
    await citizen.call("DELETE", f"/v1/citizen/devices/{device['id']}", status=204)
    rows = await make.house.database.hot.fetch(
        "SELECT action, facts::text FROM audit_entry WHERE account_id = $1::uuid ORDER BY id",
        (await citizen.get("/v1/citizen/me"))["id"],
    )
    assert [row[0] for row in rows] == ["profile-changed", "device-added", "device-removed"]
    assert "Ánh" not in "".join(row[1] for row in rows)


async def test_a_phone_belongs_to_who_signed_in_last(make: Make, citizen: Resident) -> None:
    token = await citizen.get_phone()
    other = await make.citizen()
    await other.post("/v1/citizen/devices", {"kind": "token", "value": token, "platform": "android"})
    assert await citizen.get("/v1/citizen/devices") == []
    assert len(await other.get("/v1/citizen/devices")) == 1


async def test_a_phone_rings_no_more_after_its_sign_out(make: Make) -> None:
    citizen = await make.citizen()
    await citizen.get_phone()
    await citizen.call("DELETE", "/v1/citizen/sessions/current", status=204)
    house = make.house
    assert not await house.database.hot.fetchval(
        "SELECT count(*) FROM device WHERE session_id = $1", citizen.session_id
    )
