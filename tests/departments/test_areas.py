"""Areas of today and of before, units, the calendar."""

import pytest

from app.core.house import House
from app.departments.directory import CANDIDATES, Directory, _rank, plain
from sandbox.phone import Client
from seeds import load
from tests.make import Make


@pytest.fixture
def nobody(make: Make) -> Client:
    return make.nobody()


async def test_there_are_126_areas_in_vietnamese_order(nobody: Client) -> None:
    areas = await nobody.get("/v1/public/areas")
    assert len(areas) == 126
    names = [plain(area["name"]) for area in areas]
    assert names == sorted(names)


async def test_the_nearest_areas_are_offered_with_their_distance(nobody: Client) -> None:
    near = await nobody.get("/v1/public/areas/nearest?lat=21.0295&lon=105.8460")
    assert near[0]["area"]["name"] == "Hoàn Kiếm"
    assert [one["distance_m"] for one in near] == sorted(one["distance_m"] for one in near)
    far = await nobody.get("/v1/public/areas/nearest?lat=10.7&lon=106.7", status=422)
    assert far["code"] == "outside-the-city"


async def test_the_grid_finds_what_a_full_search_finds(house: House) -> None:
    directory = Directory(house.database)
    await directory.refresh()
    points = directory._points
    for number in range(600):
        lat, lon = 20.6 + (number * 37 % 797) / 1000, 105.3 + (number * 53 % 691) / 1000
        assert directory.nearest(lat, lon) == _rank(points, lat, lon)
        assert len(directory.nearest(lat, lon)) == CANDIDATES


@pytest.mark.parametrize("words", ["phuc xa", "Phúc Xá", "PHÚC XÁ"])
async def test_an_old_name_is_found_without_diacritics(nobody: Client, words: str) -> None:
    found = await nobody.get(f"/v1/public/areas/search?q={words}")
    old = found["old_names"][0]
    assert (old["full_name"], old["district"]) == ("Phường Phúc Xá", "Quận Ba Đình")
    assert old["areas"][0]["name"] == "Hồng Hà"


async def test_a_split_old_name_offers_every_successor_the_default_first(nobody: Client) -> None:
    rows = [row for row in load.read("old_areas") if row["is_split"] == "1"]
    one = rows[0]
    successors = [row for row in rows if row["code"] == one["code"]]
    found = await nobody.get(f"/v1/public/areas/search?q={one['full_name']} {one['district']}")
    old = next(name for name in found["old_names"] if name["district"] == one["district"])
    assert old["is_split"]
    assert {area["code"] for area in old["areas"]} == {row["area_code"] for row in successors}
    assert old["areas"][0]["code"] == next(row["area_code"] for row in successors if row["is_default"] == "1")


async def test_every_area_has_a_committee_and_a_police_and_there_are_298_units(nobody: Client) -> None:
    units: list[dict[str, str]] = []
    cursor = ""
    while True:
        page = await nobody.get(f"/v1/public/departments?limit=100{cursor}")
        units += page["items"]
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    assert len(units) == len({unit["code"] for unit in units}) == 298
    for kind in ("committee", "police"):
        assert len({unit["area_code"] for unit in units if unit["kind"] == kind and unit["area_code"]}) == 126


async def test_a_unit_is_shown_and_an_unknown_one_is_not_there(nobody: Client) -> None:
    assert (await nobody.get("/v1/public/departments/SO-XD"))["name_vi"] == "Sở Xây dựng"
    assert (await nobody.get("/v1/public/departments/NOPE", status=404))["code"] == "no-such-department"


async def test_the_holidays_and_the_days_worked_instead_are_shown(nobody: Client) -> None:
    days = {day["day"]: day for day in await nobody.get("/v1/public/special-days?year=2026")}
    assert not days["2026-11-24"]["working"]
    assert not days["2026-02-17"]["working"]
    assert days["2026-08-22"]["working"]
