"""The copy of one's own data: whole, readable, one's own, for a week."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.core.house import House
from app.core.ids import new_id
from app.data_requests import exports
from app.data_requests.rules import EXPORT_JOB
from sandbox import people
from sandbox.phone import Officer, Resident
from tests.consents.purposes import purpose, yes
from tests.data_requests.clocks import REQUESTS, until
from tests.make import Make
from workers import exporting
from workers.context import Run, open_context
from workers.registry import WORKERS

EXPORT = {"kind": "export"}


async def finished(citizen: Resident, request_id: str) -> dict[str, Any]:
    async def look() -> Any:
        found = await citizen.get(f"{REQUESTS}/{request_id}")
        return found if found["status"] == "completed" else None

    return await until(look)


async def exported(citizen: Resident) -> tuple[str, zipfile.ZipFile]:
    """Ask, wait, download."""
    made = await citizen.post(REQUESTS, EXPORT)
    assert made["status"] == "acknowledged"
    await finished(citizen, made["id"])
    answer = await citizen.call("GET", f"{REQUESTS}/{made['id']}/export", status=200)
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return made["id"], archive


def sealed(house: House) -> set[Path]:
    return set((Path(house.settings.uploads.folder) / "exports").glob("*"))


def read(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(f"{name}.json"))


@pytest.mark.usefixtures("worker")
async def test_an_export_holds_everything_about_the_person(make: Make, officer: Officer, house: House) -> None:
    citizen = make.resident()
    await citizen.sign_in_by_eid("resident-0021", level=2)
    known = people.resident(21)
    await citizen.get_phone("máy của tôi")
    await citizen.post("/v1/citizen/consents", yes(await purpose(house)))
    photo = await make.photo(citizen)
    ticket = await make.ticket(citizen, photo_ids=[photo])
    await make.answered(officer, ticket)
    stranger = await make.ticket(await make.citizen(), description="Việc của người khác, không liên quan.")
    _, archive = await exported(citizen)
    names = archive.namelist()
    readme = archive.read("README.txt").decode()
    for name in names:
        if name.endswith(".json"):
            assert f"- {name}: " in readme
    assert readme.index("BẢN SAO DỮ LIỆU") < readme.index("A COPY OF YOUR PERSONAL DATA")
    (account,) = read(archive, "account")
    assert (account["full_name"], account["personal_number"]) == (known.full_name, known.number)
    assert [one["name"] for one in read(archive, "devices")] == ["máy của tôi"]
    assert len(read(archive, "sessions")) == 1
    assert read(archive, "consents")[0]["shown"]["title"] == "title 1 vi"
    (told,) = read(archive, "tickets")
    assert (told["code"], told["description"]) == (ticket["code"], ticket["description"])
    assert [one["what"] for one in told["history"]] == ["filed", "accepted", "answered"]
    pictures = {one["id"] for one in read(archive, "photos")}
    assert pictures == {photo, *told["photos"]["proof"]}
    shown = (await citizen.call("GET", f"/v1/citizen/photos/{photo}", status=200)).content
    assert archive.read(f"photos/{photo}.jpg") == shown
    assert {f"photos/{one}.jpg" for one in pictures} <= set(names)
    assert {one["action"] for one in read(archive, "trail")} >= {"signed-in", "consent.granted", "data-request.filed"}
    assert read(archive, "data_requests")[0]["kind"] == "export"
    assert read(archive, "messages")
    whole = b"".join(archive.read(name) for name in names if name.endswith(".json")).decode()
    assert stranger["code"] not in whole
    for officers in (str((await officer.get("/v1/officer/me"))["id"]), "Trần Thị Bình"):
        assert officers not in whole


@pytest.mark.usefixtures("worker")
async def test_a_long_list_is_whole(citizen: Resident, house: House) -> None:
    account = UUID((await citizen.get("/v1/citizen/me"))["id"])
    for number in range(205):
        await house.database.hot.execute(
            "INSERT INTO message (id, account_id, template_code, params, subject_kind, created_at)"
            " VALUES ($1, $2, 'ticket-filed', $3, 'ticket', now())",
            new_id(),
            account,
            {"code": f"PA-{number}"},
        )
    _, archive = await exported(citizen)
    codes = [one["params"].get("code") for one in read(archive, "messages")]
    assert [code for code in codes if code] == [f"PA-{number}" for number in range(205)]


@pytest.mark.usefixtures("worker")
async def test_the_file_is_sealed_on_the_disk(citizen: Resident, house: House) -> None:
    before = sealed(house)
    await exported(citizen)
    (path,) = sealed(house) - before
    assert not zipfile.is_zipfile(path)
    assert "Nguyễn Văn An".encode() not in path.read_bytes()
    assert b"README" not in path.read_bytes()


@pytest.mark.usefixtures("worker")
async def test_an_export_is_for_its_owner_with_a_fresh_proof(make: Make, citizen: Resident, house: House) -> None:
    request_id, _ = await exported(citizen)
    path = f"{REQUESTS}/{request_id}/export"
    row = await house.database.hot.fetchrow(
        "SELECT * FROM audit_entry WHERE subject_id = $1 AND action = 'data-request.downloaded'", request_id
    )
    assert row is not None
    assert (row["actor_kind"], bool(row["request_id"])) == ("citizen", True)
    other = await make.citizen()
    assert (await other.get(path, status=404))["code"] == "no-such-data-request"
    tired = await make.citizen(proved_ago_s=1000)
    assert (await tired.get(path, status=401))["code"] == "proof-needed"


async def test_asking_for_an_export_or_a_deletion_needs_a_fresh_proof(make: Make, house: House) -> None:
    tired = await make.citizen(proved_ago_s=1000)
    for kind in ("export", "delete"):
        answer = await tired.call("POST", REQUESTS, json={"kind": kind}, status=401)
        assert answer.json()["code"] == "proof-needed"
        assert 'max_age="900"' in answer.headers["www-authenticate"]
    assert (await tired.get(REQUESTS))["items"] == []


@pytest.mark.usefixtures("worker")
async def test_who_has_the_eid_proves_it_with_the_eid(make: Make, new_phone: Callable[[], str], house: House) -> None:
    """A code on a phone is not enough where the account holds a proved identity."""
    citizen = await make.citizen()
    account = UUID((await citizen.get("/v1/citizen/me"))["id"])
    await house.database.hot.execute("UPDATE account SET level = 2 WHERE id = $1", account)
    for kind in ("export", "delete"):
        problem = await citizen.post(REQUESTS, {"kind": kind}, status=401)
        assert (problem["code"], problem["params"]["level"]) == ("proof-needed", 1)


@pytest.mark.usefixtures("worker")
async def test_an_export_is_asked_for_once_a_day(citizen: Resident, house: House) -> None:
    first, _ = await exported(citizen)
    problem = await citizen.post(REQUESTS, EXPORT, status=409)
    assert (problem["code"], problem["params"]["id"]) == ("data-request-already-asked", first)
    await house.database.hot.execute(
        "UPDATE data_export SET made_at = made_at - interval '2 days' WHERE request_id = $1", UUID(first)
    )
    second = await citizen.post(REQUESTS, EXPORT)
    await finished(citizen, second["id"])


@pytest.mark.usefixtures("worker")
async def test_an_export_expires_and_is_swept(citizen: Resident, house: House) -> None:
    before = sealed(house)
    request_id, _ = await exported(citizen)
    (path,) = sealed(house) - before
    await house.database.hot.execute(
        "UPDATE data_export SET expires_at = now() - interval '1 second' WHERE request_id = $1", UUID(request_id)
    )
    answer = await citizen.call("GET", f"{REQUESTS}/{request_id}/export", status=410)
    assert answer.json()["code"] == "export-gone"
    async with open_context(house.settings) as context:
        await WORKERS["sweep-old"](context, Run(new_id(), 1, {}))
    assert not path.exists()
    await citizen.call("GET", f"{REQUESTS}/{request_id}/export", status=410)
    assert (await citizen.get(f"{REQUESTS}/{request_id}"))["export_until"] is None


async def begun(house: House, citizen: Resident) -> str:
    """A request whose export nobody has begun to make; the job is taken away from the workers."""
    made = await citizen.post(REQUESTS, EXPORT)
    await house.database.hot.execute(
        "DELETE FROM outbox WHERE job = $1 AND args @> $2", EXPORT_JOB.name, {"request_id": made["id"]}
    )
    return made["id"]


async def test_an_export_that_is_not_made_yet_says_so(citizen: Resident, house: House) -> None:
    request_id = await begun(house, citizen)
    if (await citizen.get(f"{REQUESTS}/{request_id}"))["status"] == "acknowledged":
        problem = await citizen.get(f"{REQUESTS}/{request_id}/export", status=409)
        assert problem["code"] == "export-not-ready"


async def test_a_run_that_dies_half_way_leaves_nothing_and_the_next_starts_anew(
    citizen: Resident, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = await begun(house, citizen)
    before = sealed(house)
    run = Run(new_id(), 1, {"request_id": request_id})
    real = exporting.readme

    def dies() -> str:
        raise OSError("the disk is full")

    async with open_context(house.settings) as context:
        monkeypatch.setattr(exporting, "readme", dies)
        with pytest.raises(OSError, match="full"):
            await WORKERS[EXPORT_JOB.name](context, run)
        assert sealed(house) == before
        monkeypatch.setattr(exporting, "readme", real)
        await WORKERS[EXPORT_JOB.name](context, run)
        made = sealed(house)
        await WORKERS[EXPORT_JOB.name](context, run)
        assert sealed(house) == made
    assert len(made - before) == 1
    answer = await citizen.call("GET", f"{REQUESTS}/{request_id}/export", status=200)
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


async def test_a_file_that_a_killed_worker_left_is_swept(house: House) -> None:
    path = exports.path_of(house.settings.uploads, new_id())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    fresh = exports.path_of(house.settings.uploads, new_id())
    fresh.write_bytes(b"being written")
    old = path.stat().st_mtime - timedelta(days=2).total_seconds()
    os.utime(path, (old, old))
    async with open_context(house.settings) as context:
        await exporting.sweep(context)
    assert (path.exists(), fresh.exists()) == (False, True)
    fresh.unlink()


async def test_an_export_that_was_cancelled_meanwhile_is_not_kept(
    citizen: Resident, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = await begun(house, citizen)
    before = sealed(house)
    real = exporting.write

    async def slow(*given: Any) -> None:
        await real(*given)
        await citizen.post(f"{REQUESTS}/{request_id}/cancellations")

    monkeypatch.setattr(exporting, "write", slow)
    async with open_context(house.settings) as context:
        await WORKERS[EXPORT_JOB.name](context, Run(new_id(), 1, {"request_id": request_id}))
    assert sealed(house) == before
    assert (await citizen.get(f"{REQUESTS}/{request_id}"))["status"] == "cancelled"
