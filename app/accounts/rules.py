"""The law of accounts: their states, phone numbers, personal numbers, levels. Pure."""

import re
from datetime import date, timedelta
from enum import StrEnum

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
        "state-changed",
        "merged",
        "signed-out-everywhere",
        "new-device",
        "phone-changed",
    }
)
"""Entries of the trail that the resident is told of, each with a template `security-…`."""

PHONE, NUMBER = "account.phone", "account.personal_number"
"""Purposes of encryption and of blind indexes."""


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


def heals(state: State, reason: str, method: Method, *, has_eid: bool) -> bool:
    """Whether a good sign-in by this method makes the account active again."""
    if state == State.RESET_REQUIRED:
        return method == Method.EID or (method == Method.PHONE and not has_eid)
    return state == State.SUSPENDED and reason == EID_SUSPENDED and method == Method.EID


class StateRefused(AppError):
    status, code = 409, "state-refused"
    title = Text("Không chuyển được trạng thái tài khoản", "The account cannot come into that state")
    detail = Text("Tài khoản đang “{now}” nên không thể thành “{to}”.", "An account that is {now} cannot become {to}.")


class AccountShut(AppError):
    status, code = 403, "account-shut"
    title = Text("Tài khoản đang không dùng được", "The account cannot be used now")
    detail = Text(
        "Tài khoản ở trạng thái “{state}”. Đăng nhập bằng định danh điện tử hoặc liên hệ 1022.",
        "The account is {state}. Sign in with the national eID, or call 1022.",
    )


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
        "Cả hai tài khoản phải đang hoạt động; có một tài khoản ở trạng thái “{state}”. Vui lòng liên hệ 1022.",
        "Both accounts must be active, and one of them is {state}. Please call 1022.",
    )


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
    """E.164 of a Vietnamese mobile number, written in ASCII. Raises BadPhone."""
    if not re.fullmatch(r"[+(0-9][0-9 ().-]{7,19}", text):
        raise BadPhone
    try:
        number = phonenumbers.parse(text, "VN")
    except phonenumbers.NumberParseException as wrong:
        raise BadPhone from wrong
    mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    if number.country_code != 84 or not phonenumbers.is_valid_number(number) or not mobile:
        raise BadPhone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def check_personal_number(number: str, born: date | None) -> str:
    """A CCCD number: 12 digits that agree with the birth date (province 3, century and gender 1, year 2, serial 6).

    There is no check digit. Raises BadIdentity.
    """
    if not re.fullmatch(r"\d{12}", number):
        raise BadIdentity(what="personal number")
    century = 1900 + 100 * (int(number[3]) // 2)
    if born is not None and century + int(number[4:6]) != born.year:
        raise BadIdentity(what="birth year")
    return number


def parse_birth_date(text: str) -> date | None:
    """`yyyymmdd`; some elders have a year only, then there is no date. Raises BadIdentity."""
    if not text or re.fullmatch(r"\d{4}(0000)?", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError as wrong:
        raise BadIdentity(what="birth date") from wrong
