"""The law of accounts: their states, phone numbers, personal numbers, levels. Pure."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import phonenumbers

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare

TELL_JOB = declare("tell-security", Lane.NORMAL)
"""Tells a resident what happened to their account; the notifications stand above."""

MERGED_JOB = declare("account-merged", Lane.URGENT)
"""Each slice hands what it holds of a merged account to the one that stays."""

MERGE_TTL = timedelta(minutes=10)
"""How long a resident may think about the offer to merge two accounts."""

NAMELESS = "—"
"""What a device without a name is called."""

TOLD = frozenset(
    {
        "refresh-reused",
        "eid-linked",
        "eid-unlinked",
        "state-changed",
        "merged",
        "signed-out-everywhere",
        "new-device",
        "phone-changed",
        "passkey-added",
        "passkey-removed",
        "passkey-disabled",
    }
)
"""Entries of the trail that the resident is told of; `template_of` says in which words."""

PHONE, NUMBER = "account.phone", "account.personal_number"
"""Purposes of encryption and of blind indexes."""
EID_REFRESH = "account.eid_refresh"
"""A purpose of encryption."""

PROVINCES = frozenset(
    "001 002 004 006 008 010 011 012 014 015 017 019 020 022 024 025 026 027 030 031 033 034 035 036 037 038 040 042 044 045 046"  # noqa: SIM905
    " 048 049 051 052 054 056 058 060 062 064 066 067 068 070 072 074 075 077 079 080 082 083 084 086 087 089 091 092 093 094"
    " 095 096".split()
)
"""Where a birth was registered (QĐ 124/2004/QĐ-TTg). Not renumbered in 2025: the provinces that stayed kept their codes, and
numbers given before keep those of the provinces that went."""
MALE, FEMALE = frozenset({"male", "nam", "m"}), frozenset({"female", "nữ", "nu", "f"})
"""What providers call the genders; another word is not held against the number."""
CITY_CLOCK = timezone(timedelta(hours=7))


NAME_MIN = 4
"""A shorter name is part of too many other words to be taken out of a text."""


class State(StrEnum):
    """Of an account. In all but ACTIVE and CLOSING nobody is signed in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """For a while: the national eID was suspended, or an officer looks into something."""
    BLOCKED = "blocked"
    """By an officer, until an officer lifts it."""
    RESET_REQUIRED = "reset-required"
    """Whoever signs in has to prove anew who they are, by the eID if the account has one, else by a code; passkeys are void."""
    CLOSING = "closing"
    """The resident asked for its end; they can look and change their mind until then."""
    CLOSED = "closed"


NEXT: dict[State, frozenset[State]] = {
    State.ACTIVE: frozenset({State.SUSPENDED, State.BLOCKED, State.RESET_REQUIRED, State.CLOSING, State.CLOSED}),
    State.SUSPENDED: frozenset({State.ACTIVE, State.BLOCKED, State.RESET_REQUIRED, State.CLOSED}),
    State.BLOCKED: frozenset({State.ACTIVE, State.RESET_REQUIRED, State.CLOSED}),
    State.RESET_REQUIRED: frozenset({State.ACTIVE, State.SUSPENDED, State.BLOCKED, State.CLOSED}),
    State.CLOSING: frozenset({State.ACTIVE, State.SUSPENDED, State.BLOCKED, State.CLOSED}),
    State.CLOSED: frozenset(),
}

SIGNED_IN = frozenset({State.ACTIVE, State.CLOSING})
"""States in which somebody may be signed in."""

EID_SUSPENDED = "eid-suspended"
"""The reason of a suspension that the national eID caused; a good sign-in there lifts it."""


class Method(StrEnum):
    """How a resident signs in."""

    PHONE = "phone"
    EID = "eid"
    PASSKEY = "passkey"


def template_of(action: str, facts: Mapping[str, Any]) -> str:
    """The template that tells an entry of the trail; a state has one of its own, because each asks for something else."""
    return f"security-{action}-{facts['after']}" if action == "state-changed" else f"security-{action}"


def heals(state: State, reason: str, method: Method, *, has_eid: bool) -> bool:
    """Whether a good sign-in by this method makes the account active again."""
    if state == State.RESET_REQUIRED:
        return method == Method.EID or (method == Method.PHONE and not has_eid)
    return state == State.SUSPENDED and reason == EID_SUSPENDED and method == Method.EID


STATE_WORDS = {
    State.ACTIVE: Text("đang hoạt động", "active"),
    State.SUSPENDED: Text("đang tạm ngừng", "suspended"),
    State.BLOCKED: Text("đã bị khoá", "blocked"),
    State.RESET_REQUIRED: Text("cần xác thực lại danh tính", "to be secured anew"),
    State.CLOSING: Text("đang chờ đóng", "closing"),
    State.CLOSED: Text("đã đóng", "closed"),
}


class StateRefused(AppError):
    status, code = 409, "state-refused"
    title = Text("Không chuyển được trạng thái tài khoản", "The account cannot come into that state")
    detail = Text(
        "Tài khoản ở trạng thái “{now}” không chuyển sang “{to}” được.", "An account that is {now} cannot become {to}."
    )
    words = STATE_WORDS


class AccountShut(AppError):
    status, code = 403, "account-shut"
    title = Text("Tài khoản đang không dùng được", "The account cannot be used now")
    detail = Text(
        "Tài khoản này {state}. Nếu tài khoản tạm ngừng hoặc cần xác thực lại, hãy đăng nhập bằng định danh điện tử; nếu không,"
        " hãy gọi 1022.",
        "The account is {state}. If it is suspended or to be secured anew, sign in with the national eID; else call 1022.",
    )
    words = STATE_WORDS


class NoMergeOffer(AppError):
    status, code = 404, "no-merge-offer"
    title = Text("Không có lời đề nghị gộp này", "No such merge offer")
    detail = Text(
        "Lời đề nghị chỉ dùng được một lần, trong mười phút. Hãy gắn lại định danh điện tử.",
        "An offer works once, within ten minutes. Please link the national eID again.",
    )


class MergeRefused(AppError):
    status, code = 409, "merge-refused"
    title = Text("Không gộp được hai tài khoản", "The two accounts cannot be merged")
    detail = Text(
        "Cả hai tài khoản phải đang hoạt động; có một tài khoản {state}. Vui lòng gọi 1022.",
        "Both accounts must be active, and one of them is {state}. Please call 1022.",
    )
    words = STATE_WORDS


class BadPhone(AppError):
    status, code = 422, "bad-phone"
    title = Text("Số điện thoại không hợp lệ", "The phone number is not valid")
    detail = Text(
        "Nhập số di động Việt Nam, ví dụ 0912 345 678.", "Enter a Vietnamese mobile number, e.g. 0912 345 678."
    )


class BadIdentity(AppError):
    status, code = 422, "bad-identity"
    title = Text("Thông tin định danh không hợp lệ", "The identity is not valid")
    detail = Text("Cơ quan định danh trả về dữ liệu không đúng ({what}).", "The provider's data is wrong ({what}).")


def parse_phone(text: str) -> str:
    """E.164 of a Vietnamese mobile number, in the digits 0-9 and what people write between them. Raises BadPhone.

    Digits of other scripts and letters are refused, though phonenumbers would read them: whoever sends them is no keypad.
    """
    if not re.fullmatch(r"[+0-9(). -]{1,30}", text):
        raise BadPhone
    try:
        number = phonenumbers.parse(text, "VN")
    except phonenumbers.NumberParseException as wrong:
        raise BadPhone from wrong
    mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    if number.country_code != 84 or not phonenumbers.is_valid_number(number) or not mobile:
        raise BadPhone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def check_personal_number(number: str, born: date | None, *, year: int | None = None, gender: str = "") -> str:
    """A CCCD number, held against what else is known of the person. There is no check digit. Raises BadIdentity.

    12 digits: province 3, century and gender 1 (0 and 1 the 20th century, male and female; 2 and 3 the 21st, …), year 2,
    serial 6. `year` is for an elder without a birth date. Who was born abroad has a country's code in place of a province
    (NĐ 137/2015/NĐ-CP Art. 13): it does not begin with 0, and any is taken, because the list is not public.
    """
    if not re.fullmatch(r"[0-9]{12}", number):
        raise BadIdentity(what="personal number")
    if number[0] == "0" and number[:3] not in PROVINCES:
        raise BadIdentity(what="province")
    written = 1900 + 100 * (int(number[3]) // 2) + int(number[4:6])
    known = born.year if born is not None else year
    if written > datetime.now(CITY_CLOCK).year or (known is not None and written != known):
        raise BadIdentity(what="birth year")
    said = gender.strip().casefold()
    if said in (FEMALE if int(number[3]) % 2 == 0 else MALE):
        raise BadIdentity(what="gender")
    return number


def parse_birth_date(text: str) -> date | None:
    """`yyyymmdd`; some elders have a year or a month only, then there is no date. Raises BadIdentity, also for the future."""
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{4}([0-9]{4})?", text):
        raise BadIdentity(what="birth date")
    today = datetime.now(CITY_CLOCK).date()
    if len(text) == 4 or text.endswith("00"):
        if int(text[:4]) > today.year:
            raise BadIdentity(what="birth date")
        return None
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError as wrong:
        raise BadIdentity(what="birth date") from wrong
    if born > today:
        raise BadIdentity(what="birth date")
    return born


def birth_year_of(text: str) -> int | None:
    """Of what `parse_birth_date` took."""
    return int(text[:4]) if text else None


def pattern_of(full_name: str, phone: str | None, number: str | None) -> str:
    """A regular expression (of Python and of PostgreSQL) for a person's name and numbers however they are spaced; empty for
    nobody."""
    found = [re.escape(full_name)] if len(full_name) >= NAME_MIN else []
    if phone:
        found.append(r"(?:\+?84|0)[ .-]*" + r"[ .-]*".join(phone.removeprefix("+84")))
    if number:
        found.append(r"[ .-]*".join(number))
    return "|".join(found)
