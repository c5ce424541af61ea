"""The law of delegations, and what the database and the doors hold."""

from datetime import date

import asyncpg
import pytest

from app.core.house import House
from app.delegations import rules
from app.delegations.rules import BadTaxCode, Scope
from app.main.doors import DOORS
from tests.delegations.conftest import Town


@pytest.mark.parametrize(
    ("born", "adult"),
    [
        (date(2008, 11, 25), date(2026, 11, 25)),
        (date(2008, 2, 28), date(2026, 2, 28)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2008, 3, 1), date(2026, 3, 1)),
        (date(2008, 1, 1), date(2026, 1, 1)),
        (date(2007, 12, 31), date(2025, 12, 31)),
    ],
)
def test_one_is_of_age_on_the_eighteenth_birthday(born: date, adult: date) -> None:
    assert rules.adult_on(born) == adult


def test_a_day_of_the_city_begins_at_17_utc() -> None:
    assert rules.midnight(date(2026, 11, 25), "Asia/Ho_Chi_Minh").isoformat() == "2026-11-24T17:00:00+00:00"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("0100109106", "0100109106"),
        (" 0101 234 565 ", "0101234565"),
        ("0100109106-005", "0100109106-005"),
        ("0100109106005", "0100109106-005"),
        ("001083000001", "001083000001"),
    ],
)
def test_a_tax_code_is_read_however_it_is_written(said: str, code: str) -> None:
    assert rules.parse_tax_code(said) == code


@pytest.mark.parametrize("said", ["0100109107", "٠١٠٠١٠٩١٠٦", "0100109106-", "0100109106--05", "00108300000", ""])
def test_what_is_no_tax_code_is_refused(said: str) -> None:
    with pytest.raises(BadTaxCode):
        rules.parse_tax_code(said)


def test_a_masked_name_shows_first_letters_only() -> None:
    assert rules.mask_name("Trần  Thị Ánh") == "T••• T•• Á••"
    assert rules.mask_name("") == ""


def test_every_scope_of_a_handler_is_one_that_can_be_delegated() -> None:
    scopes = {handler.opt.get("on_behalf") for door in DOORS for handler in door.handlers} - {None}
    assert scopes == {"tickets", "inbox"}
    assert scopes <= set(Scope)
    assert all(
        "on_behalf" not in handler.opt for door in DOORS if door.audience != "citizen" for handler in door.handlers
    )


async def test_the_history_cannot_be_changed(town: Town, house: House) -> None:
    _, _, held = await town.cared_for()
    for statement in ("UPDATE delegation_event SET what = 'x'", "DELETE FROM delegation_event"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.database.hot.execute(statement)
    events = "SELECT string_agg(what, ' ' ORDER BY id) FROM delegation_event WHERE delegation_id = $1::text::uuid"
    assert await town.sql(events, held["id"]) == "pending active"


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("delegate_id = account_id", "delegation_oneself_check"),
        ("ends_at = begins_at", "delegation_ends_check"),
        ("scopes = '[]'", "delegation_scopes_check"),
        ("delegate_id = NULL", "delegation_active_check"),
        ("ended_at = now()", "delegation_ended_check"),
    ],
)
async def test_the_database_refuses_what_must_not_be(town: Town, change: str, broken: str) -> None:
    _, _, held = await town.cared_for()
    with pytest.raises(asyncpg.CheckViolationError, match=broken):
        await town.sql(f"UPDATE delegation SET {change} WHERE id = $1::text::uuid", held["id"])


async def test_the_database_refuses_a_second_active_one_of_a_pair(town: Town) -> None:
    _, _, held = await town.cared_for()
    columns = "kind, role, account_id, delegate_id, scopes, level, state, begins_at, ends_at, source, as_of, created_at"
    copied = f"INSERT INTO delegation (id, {columns}) SELECT gen_random_uuid(), {columns} FROM delegation WHERE id = $1::text::uuid"
    with pytest.raises(asyncpg.UniqueViolationError):
        await town.sql(copied, held["id"])
