"""Phone and personal numbers, by themselves."""

from datetime import date

import pytest

from app.accounts import rules
from app.accounts.rules import BadIdentity, BadPhone
from sandbox import people


@pytest.mark.parametrize("text", ["0912345678", "+84912345678", "84 912 345 678", "0912.345.678", "(0912) 345-678"])
def test_a_mobile_number_is_kept_in_e164(text: str) -> None:
    assert rules.parse_phone(text) == "+84912345678"


@pytest.mark.parametrize(
    "text",
    [
        *("", "091234567", "02438251234", "+12025550143", "112"),
        *("０９１２３４５６７８", "٠٩١٢٣٤٥٦٧٨", "091234567٨", "०९१२३४५६७८"),
        *("0912-CALL-ME1", "tel:0912345678", "0912345678 ext 5", "0912345678;ext=5", "0912345678\n"),
        *("+8491•••678", "+8491***678", "0912345678" * 4),
    ],
)
def test_another_number_is_refused(text: str) -> None:
    """Also in digits of other scripts, which a library would take for ours, and with what is no number beside it."""
    with pytest.raises(BadPhone):
        rules.parse_phone(text)


def test_every_test_resident_has_a_number_that_agrees_with_their_birth() -> None:
    for number in range(1, people.RESIDENTS + 1):
        one = people.resident(number)
        assert rules.check_personal_number(one.number, one.birth_date, gender=one.gender) == one.number
        assert rules.parse_phone(one.phone) == one.phone


@pytest.mark.parametrize(
    ("number", "born", "what"),
    [
        ("00109012345", None, "personal number"),
        ("0010901234567", None, "personal number"),
        ("00109A123456", None, "personal number"),
        ("001090123456\n", None, "personal number"),
        (" 001090123456", None, "personal number"),
        ("001 090 123 456", None, "personal number"),
        ("001••••••456", None, "personal number"),
        ("001******456", None, "personal number"),
        ("٠٠١٠٩٠١٢٣٤٥٦", None, "personal number"),
        ("００１０９０１２３４５６", None, "personal number"),
        ("00109012345६", None, "personal number"),
        ("003090123456", None, "province"),
        ("000090123456", None, "province"),
        ("097090123456", None, "province"),
        ("001090123456", date(1991, 5, 1), "birth year"),
        ("001290123456", date(1990, 5, 1), "birth year"),
        ("001090123456", date(2090, 5, 1), "birth year"),
        ("001299123456", None, "birth year"),
        ("001490123456", None, "birth year"),
    ],
)
def test_a_personal_number_that_does_not_agree_is_refused(number: str, born: date | None, what: str) -> None:
    with pytest.raises(BadIdentity) as refused:
        rules.check_personal_number(number, born)
    assert refused.value.params == {"what": what}


def test_the_provinces_are_the_63_of_the_decision() -> None:
    assert len(rules.PROVINCES) == 63
    for code in rules.PROVINCES:
        rules.check_personal_number(f"{code}090123456", date(1990, 5, 1))


@pytest.mark.parametrize("number", ["001090123456", "001190123456", "001205123456", "001305123456"])
@pytest.mark.parametrize(("said", "of_men"), [("male", True), ("Nam", True), ("female", False), ("NỮ", False)])
def test_the_gender_is_held_against_the_number_where_the_provider_says_it(
    number: str, said: str, *, of_men: bool
) -> None:
    if (int(number[3]) % 2 == 0) == of_men:
        rules.check_personal_number(number, None, gender=said)
    else:
        with pytest.raises(BadIdentity):
            rules.check_personal_number(number, None, gender=said)
    rules.check_personal_number(number, None, gender="unknown")


def test_who_was_born_abroad_has_a_code_that_is_no_province() -> None:
    assert rules.check_personal_number("234090123456", date(1990, 5, 1))


def test_a_child_registered_after_2025_has_a_code_of_before() -> None:
    this_year = date.today().year  # noqa: DTZ011
    assert rules.check_personal_number(f"0013{this_year % 100:02}123456", date(this_year, 1, 1))


def test_an_elder_with_a_birth_year_only_has_no_birth_date_but_the_year_counts() -> None:
    assert (
        rules.parse_birth_date("1938")
        is rules.parse_birth_date("19380000")
        is rules.parse_birth_date("19380500")
        is None
    )
    assert rules.birth_year_of("19380000") == 1938
    assert rules.parse_birth_date("19900501") == date(1990, 5, 1)
    rules.check_personal_number("001038123456", None, year=1938)
    with pytest.raises(BadIdentity):
        rules.check_personal_number("001039123456", None, year=1938)


@pytest.mark.parametrize(
    "text",
    ["19901350", "199005", "199005011", "1990-05-01", "１９９００５０１", "29900501", "2990", "19900230", "abcd"],
)
def test_what_is_no_birth_date_or_not_yet_is_refused(text: str) -> None:
    with pytest.raises(BadIdentity) as refused:
        rules.parse_birth_date(text)
    assert refused.value.params == {"what": "birth date"}
