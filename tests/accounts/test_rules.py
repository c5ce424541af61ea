"""Phone and personal numbers, by themselves."""

from datetime import date

import pytest

from app.accounts import rules
from app.accounts.rules import BadIdentity, BadPhone
from sandbox import people


@pytest.mark.parametrize("text", ["0912345678", "+84912345678", "84 912 345 678", "0912.345.678", "(0912) 345-678"])
def test_a_mobile_number_is_kept_in_e164(text: str) -> None:
    assert rules.parse_phone(text) == "+84912345678"


@pytest.mark.parametrize("text", ["", "091234567", "02438251234", "+12025550143", "112", "０９１２"])
def test_another_number_is_refused(text: str) -> None:
    with pytest.raises(BadPhone):
        rules.parse_phone(text)


def test_every_test_resident_has_a_number_that_agrees_with_their_birth() -> None:
    for number in range(1, people.RESIDENTS + 1):
        one = people.resident(number)
        assert rules.check_personal_number(one.number, one.birth_date) == one.number
        assert rules.parse_phone(one.phone) == one.phone


@pytest.mark.parametrize(
    ("number", "born"),
    [
        ("00109012345", None),
        ("0010901234567", None),
        ("00109A123456", None),
        ("001090123456", date(1991, 5, 1)),
        ("001290123456", date(1990, 5, 1)),
    ],
)
def test_a_personal_number_that_does_not_agree_is_refused(number: str, born: date | None) -> None:
    with pytest.raises(BadIdentity):
        rules.check_personal_number(number, born)


def test_an_elder_with_a_birth_year_only_has_no_birth_date() -> None:
    assert rules.parse_birth_date("1938") is rules.parse_birth_date("19380000") is None
    assert rules.parse_birth_date("19900501") == date(1990, 5, 1)
    with pytest.raises(BadIdentity):
        rules.parse_birth_date("19901350")
