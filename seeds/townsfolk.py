"""The residents and officers of the demo city: the test people of the sandbox, with accounts and roles."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from app.accounts import rules
from app.core.crypto import Crypto
from app.core.person_keys import Person, new_sealed
from app.core.settings import Settings
from app.departments.directory import Directory
from sandbox import people

DAYS = 90
"""So long the city has been there, and some residents longer."""
CITY_UNITS = ("SO-XD", "TRAMOC", "PC08", "HSDC", "HAPULICO", "CVCX", "SO-KHCN", "SO-NNMT", "EVNHANOI", "HAWACO")

Row = dict[str, Any]


def officer_id(number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"khue:officer:{number}")


def account_id(number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"khue:resident:{number}")


def residents(settings: Settings, crypto: Crypto) -> tuple[list[Row], list[Row]]:
    """Their keys, and their accounts."""
    keys: list[Row] = []
    rows: list[Row] = []
    for number in range(1, people.RESIDENTS + 1):
        one = people.resident(number)
        sealed = new_sealed(crypto)
        keys.append({"account_id": account_id(number), "sealed": sealed, "created_at": datetime.now(UTC)})
        person = Person(crypto, account_id(number), sealed)
        rows.append(
            {
                "id": account_id(number),
                "phone_sealed": person.encrypt(rules.PHONE, one.phone),
                "phone_index": crypto.index(rules.PHONE, one.phone),
                "eid_issuer": settings.eid.issuer,
                "eid_subject": one.subject,
                "number_sealed": person.encrypt(rules.NUMBER, one.number),
                "number_index": crypto.index(rules.NUMBER, one.number),
                "full_name": one.full_name,
                "birth_date": one.birth_date,
                "level": one.level,
                "language": "vi",
                "created_at": datetime.now(UTC) - timedelta(days=DAYS + number % 200),
                "version": 1,
            }
        )
    return keys, rows


def officers(settings: Settings, units: Mapping[UUID, str]) -> list[Row]:
    """Each of the unit they work for."""
    return [
        {
            "id": officer_id(number),
            "issuer": settings.staff.issuer,
            "subject": people.officer(number).subject,
            "full_name": people.officer(number).full_name,
            "department_code": units[officer_id(number)],
            "active": True,
            "created_at": datetime.now(UTC) - timedelta(days=400),
        }
        for number in range(1, people.OFFICERS + 1)
    ]


def officer_grants(directory: Directory, places: Sequence[tuple[float, float]]) -> tuple[list[Row], dict[UUID, str]]:
    """Who holds which role where, and who works for which unit.

    The first coordinates the city, the last administers it, the one before audits it; between them two a unit: the city's
    units, and the wards where these places lie. The handler of a ward's committee looks after the whole ward as well.
    """
    city = {1: "coordinator", people.OFFICERS - 1: "auditor", people.OFFICERS: "administrator"}
    rows = [_grant(number, role, None, None) for number, role in city.items()]
    works = dict.fromkeys((officer_id(number) for number in city), "TTPVHCC")
    areas = list(dict.fromkeys(directory.nearest(lat, lon)[0].area_code for lat, lon in places))
    units = [*CITY_UNITS, *(directory.area_unit(area, kind) for area in areas for kind in ("committee", "police"))]
    for number in range(2, people.OFFICERS - 1):
        unit = units[(number - 2) % len(units)]
        role = "handler" if number - 2 < len(units) else "leader"
        rows.append(_grant(number, role, unit, None))
        works[officer_id(number)] = unit
        one = directory.department(unit)
        if role == "handler" and one.kind == "committee" and one.area_code:
            rows.append(_grant(number, "dispatcher", None, one.area_code))
    return rows, works


def _grant(number: int, role: str, department: str | None, area: str | None) -> Row:
    since = datetime.now(UTC) - timedelta(days=400)
    return {
        "id": uuid5(officer_id(number), f"{role}:{department}:{area}"),
        "officer_id": officer_id(number),
        "role_code": role,
        "department_code": department,
        "area_code": area,
        "starts_at": since,
        "granted_at": since,
        "reason": "Thành phố mẫu",
    }
