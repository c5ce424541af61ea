"""The test people of the sandbox: made from their number alone, so that everybody always means the same person."""

import random
import re
from datetime import date, timedelta

from msgspec import Struct

FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý")
MIDDLE = {
    "male": ("Văn", "Đức", "Hữu", "Minh", "Quang", "Xuân"),
    "female": ("Thị", "Thu", "Ngọc", "Thanh", "Minh", "Phương"),
}
GIVEN = {
    "male": (
        "An",
        "Bình",
        "Cường",
        "Dũng",
        "Hải",
        "Hùng",
        "Khánh",
        "Long",
        "Nam",
        "Phong",
        "Quân",
        "Sơn",
        "Tuấn",
        "Việt",
    ),
    "female": ("Anh", "Chi", "Dung", "Hà", "Hạnh", "Hoa", "Hương", "Lan", "Linh", "Mai", "Nga", "Oanh", "Trang", "Yến"),
}
PROVINCES = ("001", "030", "033", "034", "035", "036", "038", "040")
RESIDENTS = 1000
OFFICERS = 60


class Resident(Struct, frozen=True):
    subject: str
    full_name: str
    gender: str
    birth_date: date
    number: str
    """12 digits that agree with gender and birth year."""
    phone: str
    level: int
    """The assurance level the provider can vouch for."""


class Officer(Struct, frozen=True):
    subject: str
    full_name: str


def resident(number: int) -> Resident:
    """The resident of a number from 1 to RESIDENTS; every fourth has level 1 only."""
    dice = random.Random(f"resident {number}")  # noqa: S311
    gender = dice.choice(("male", "female"))
    born = date(1950, 1, 1) + timedelta(days=dice.randrange(365 * 57))
    digit = 2 * ((born.year - 1900) // 100) + (gender == "female")
    return Resident(
        subject=f"resident-{number:04d}",
        full_name=_name(dice, gender),
        gender=gender,
        birth_date=born,
        number=f"{dice.choice(PROVINCES)}{digit}{born.year % 100:02d}{number:06d}",
        phone=f"+8491200{number:04d}",
        level=1 if number % 4 == 0 else 2,
    )


def child(serial: int, born: date) -> Resident:
    """A child of the resident `serial // 10`; the registry knows who else looks after it. Serials from 10 to 999999."""
    dice = random.Random(f"child {serial}")  # noqa: S311
    gender = dice.choice(("male", "female"))
    digit = 2 * ((born.year - 1900) // 100) + (gender == "female")
    family = resident(serial // 10).full_name.split()[0]
    return Resident(
        subject=f"child-{serial}-{born:%Y%m%d}",
        full_name=f"{family} {dice.choice(MIDDLE[gender])} {dice.choice(GIVEN[gender])}",
        gender=gender,
        birth_date=born,
        number=f"001{digit}{born.year % 100:02d}{serial:06d}",
        phone="",
        level=2,
    )


def child_of(subject: str) -> Resident | None:
    """The child whom the national eID calls so."""
    found = re.fullmatch(r"child-(\d{2,6})-(\d{4})(\d{2})(\d{2})", subject)
    if found is None:
        return None
    serial, year, month, day = (int(part) for part in found.groups())
    return child(serial, date(year, month, day))


def officer(number: int) -> Officer:
    """The officer of a number from 1 to OFFICERS."""
    dice = random.Random(f"officer {number}")  # noqa: S311
    return Officer(f"officer-{number:04d}", _name(dice, dice.choice(("male", "female"))))


def number_of(subject: str, prefix: str, most: int) -> int | None:
    """The number in a subject like `resident-0001`."""
    digits = subject.removeprefix(prefix)
    return int(digits) if subject.startswith(prefix) and digits.isdigit() and 0 < int(digits) <= most else None


def _name(dice: random.Random, gender: str) -> str:
    return f"{dice.choice(FAMILY)} {dice.choice(MIDDLE[gender])} {dice.choice(GIVEN[gender])}"
