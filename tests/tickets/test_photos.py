"""Pictures: what is one, what is stripped, who sees it."""

import errno
import io
import os
from datetime import UTC
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image

from app.core.house import House
from app.tickets import photos
from sandbox.phone import Resident
from tests.make import Make


def kept(house: House) -> set[Path]:
    """Every file of a picture."""
    return {path for path in Path(house.settings.uploads.folder).rglob("*") if path.is_file()}


def exif_picture() -> bytes:
    picture = Image.new("RGB", (120, 80), (10, 200, 30))
    exif = Image.Exif()
    exif[0x010F] = "SpyCam"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:20 08:30:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (21.0, 1.0, 46.2), 3: "E", 4: (105.0, 50.0, 45.6)})
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


async def test_exif_is_stripped_from_the_picture_and_kept_apart(make: Make, citizen: Resident, house: House) -> None:
    photo = await citizen.photo("/v1/citizen/photos", exif_picture())
    shown = (await citizen.call("GET", f"/v1/citizen/photos/{photo}", status=200)).content
    assert b"SpyCam" not in shown
    assert not Image.open(io.BytesIO(shown)).getexif()
    row = await house.database.hot.fetchrow("SELECT * FROM photo WHERE id = $1", UUID(photo))
    assert row is not None
    assert (round(row["taken_lat"], 4), round(row["taken_lon"], 4)) == (21.0295, 105.846)
    assert row["taken_at"].isoformat() == "2026-11-20T01:30:00+00:00"


async def test_a_picture_is_on_the_disk_when_it_is_answered_for(make: Make, citizen: Resident, house: House) -> None:
    photo = await make.photo(citizen)
    assert photos.path_of(house.settings.uploads, UUID(photo)).stat().st_size > 100


async def test_the_same_upload_sent_again_is_one_photo(make: Make, citizen: Resident) -> None:
    picture = make.picture()
    first, again = [
        (await citizen.call("POST", "/v1/citizen/photos", content=picture, key="p1", status=201)).json()
        for _ in range(2)
    ]
    assert first == again


async def test_what_is_sent_again_leaves_no_second_file(make: Make, citizen: Resident, house: House) -> None:
    picture = make.picture()
    await citizen.call("POST", "/v1/citizen/photos", content=picture, key="p2", status=201)
    files = kept(house)
    await citizen.call("POST", "/v1/citizen/photos", content=picture, key="p2", status=201)
    await citizen.call("POST", "/v1/citizen/photos", content=make.picture(), key="p2", status=422)
    assert kept(house) == files


async def test_a_picture_never_named_in_a_ticket_is_forgotten_after_a_week(
    make: Make, citizen: Resident, house: House
) -> None:
    fresh, used, unused = [await make.photo(citizen) for _ in range(3)]
    old = {one: str(aged(UUID(one))) for one in (used, unused)}
    for before, after in old.items():
        await house.database.hot.execute("UPDATE photo SET id = $2 WHERE id = $1", UUID(before), UUID(after))
    await make.ticket(citizen, photo_ids=[old[used]])
    async with house.database.transaction() as db:
        forgotten = {str(one) for one in await photos.forget_unused(db)}
    assert old[unused] in forgotten
    assert not forgotten & {fresh, old[used]}
    photos.remove(house.settings.uploads, [UUID(unused)])
    assert not photos.path_of(house.settings.uploads, UUID(unused)).exists()


def aged(photo_id: UUID) -> UUID:
    """The id it would have, had it been uploaded eight days earlier."""
    return UUID(int=photo_id.int - (8 * 24 * 3600 * 1000 << 80))


NONSENSE = [
    {0x8769: {0x9003: "0001:01:01 00:00:00", 0x9011: "+14:00"}},
    {0x8769: {0x9003: "9999:99:99 99:99:99"}},
    {0x8825: {1: "N", 2: (float("nan"), 0.0, 0.0), 3: "E", 4: (1e300, 0.0, 0.0)}},
    {0x8825: {1: "N", 2: (21.0,), 3: "E", 4: "here"}},
]


@pytest.mark.parametrize("said", NONSENSE, ids=["year 1", "no date", "no number", "no place"])
async def test_nonsense_in_exif_is_no_reason_to_refuse_a_picture(
    citizen: Resident, house: House, said: dict[int, dict[int, object]]
) -> None:
    exif, out = Image.Exif(), io.BytesIO()
    for ifd, tags in said.items():
        exif.get_ifd(ifd).update(tags)
    Image.new("RGB", (20, 20)).save(out, "PNG", exif=exif)
    photo = await citizen.photo("/v1/citizen/photos", out.getvalue())
    row = await house.database.hot.fetchrow("SELECT taken_at, taken_lat FROM photo WHERE id = $1", UUID(photo))
    assert row is not None
    assert row["taken_at"] is row["taken_lat"] is None


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\nbroken", b"GIF89a" + b"\0" * 50])
async def test_what_is_not_a_photo_is_refused(citizen: Resident, content: bytes) -> None:
    answer = await citizen.call("POST", "/v1/citizen/photos", content=content, status=415)
    assert answer.json()["code"] == "not-a-photo"


async def test_half_a_photo_is_refused(make: Make, citizen: Resident) -> None:
    whole = exif_picture()
    answer = await citizen.call("POST", "/v1/citizen/photos", content=whole[: len(whole) // 2], status=415)
    assert answer.json()["code"] == "not-a-photo"


def test_a_decompression_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    with pytest.raises(photos.PhotoTooLarge):
        photos.decode(out.getvalue(), 50_000_000, UTC)


def test_a_large_picture_is_made_smaller() -> None:
    out = io.BytesIO()
    Image.new("RGB", (4000, 1000)).save(out, "JPEG")
    picture = photos.decode(out.getvalue(), 50_000_000, UTC)
    assert (picture.width, picture.height) == (2560, 640)


async def test_nobody_else_sees_a_photo(make: Make, citizen: Resident) -> None:
    photo = await make.photo(citizen)
    other = await make.citizen()
    assert (await other.get(f"/v1/citizen/photos/{photo}", status=404))["code"] == "no-such-photo"


async def test_the_unit_sees_the_photo_of_its_ticket_and_another_does_not(make: Make, citizen: Resident) -> None:
    photo = await make.photo(citizen)
    await make.ticket(citizen, photo_ids=[photo])
    await (await make.officer("SO-XD")).call("GET", f"/v1/officer/photos/{photo}", status=200)
    await (await make.officer("HSDC")).call("GET", f"/v1/officer/photos/{photo}", status=404)


async def test_a_picture_that_the_disk_has_lost_is_not_found(make: Make, citizen: Resident, house: House) -> None:
    photo = await make.photo(citizen)
    photos.path_of(house.settings.uploads, UUID(photo)).unlink()
    await citizen.call("GET", f"/v1/citizen/photos/{photo}", status=404)


async def test_a_full_disk_is_a_503_and_leaves_no_photo(
    make: Make, citizen: Resident, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = await citizen.call("POST", "/v1/citizen/photos", content=make.picture(), key="full", status=503)
    assert answer.json()["code"] == "storage-unavailable"
    assert not {path for path in kept(house) if path.suffix == ".part"}


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ab" / "photo.jpg"
    photos.write(path, b"content")
    assert path.read_bytes() == b"content"
    assert [one.name for one in path.parent.iterdir()] == ["photo.jpg"]
