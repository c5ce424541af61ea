"""The reason in a header: percent-encoded UTF-8, kept in one line, with no number of a person in it."""

from urllib.parse import quote

import pytest

from app.core import reasons
from app.core.reasons import ReasonNeeded


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("Xac minh", "Xac minh"),
        (quote("Xác minh phản ánh PA-7K3M"), "Xác minh phản ánh PA-7K3M"),
        (quote("Xa\u0301c minh"), "Xác minh"),
        (quote("  gọi \t lại \n sau  "), "gọi lại sau"),
        ("gi%e1%ba%a3m 50%25", "giảm 50%"),
        (quote("ạ" * 300), "ạ" * 300),
        (quote("Gọi lại 0912 345 678 theo 12/QĐ"), "Gọi lại ••• theo 12/QĐ"),
        ("CCCD 001203004567.", "CCCD •••."),
        ("so +84912345678", "so •••"),
    ],
)
def test_a_reason_is_kept_as_it_was_meant(header: str, kept: str) -> None:
    assert reasons.decode(header) == kept


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        "%20%20",
        "x",
        "..!?",
        quote("ạ" * 301),
        "Xác minh",
        "X\u00c3\u00a1c minh",
        "50%",
        "%zz",
        "%E1%BA",
        "%00%41%41",
        "a%1Bb",
        quote("\u00a0\u2003"),
    ],
)
def test_what_says_nothing_or_cannot_be_read_is_no_reason(header: str | None) -> None:
    with pytest.raises(ReasonNeeded):
        reasons.decode(header)
