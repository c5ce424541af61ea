"""The law of accounts: phone numbers, personal numbers, codes, levels. Pure."""

import re
import secrets
from datetime import date, timedelta

import phonenumbers

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare
from app.core.limits import Rate

SMS_JOB = declare("sms-code", Lane.URGENT, timeout_s=20, tries_max=5)

CODE_TTL = timedelta(minutes=5)
CODE_TRIES_MAX = 5
PHONE_RATE = Rate("phone-codes", amount=10, window_s=3600, burst=3)
"""Codes sent to one number."""

PHONE, NUMBER = "account.phone", "account.personal_number"
"""Purposes of encryption and of blind indexes."""


class BadPhone(AppError):
    status, code = 422, "bad-phone"
    title = Text("Số điện thoại không hợp lệ", "The phone number is not valid")
    detail = Text(
        "Nhập số di động Việt Nam, ví dụ 0912 345 678.", "Enter a Vietnamese mobile number, e.g. 0912 345 678."
    )


class BadCode(AppError):
    status, code = 422, "bad-code"
    title = Text("Mã không đúng hoặc đã hết hạn", "The code is wrong or has expired")
    detail = Text("Kiểm tra lại tin nhắn, hoặc yêu cầu mã mới.", "Check the message again, or ask for a new code.")


class IdentityTaken(AppError):
    status, code = 409, "identity-taken"
    title = Text("Định danh đã gắn với tài khoản khác", "The identity belongs to another account")
    detail = Text(
        "Đăng nhập bằng định danh điện tử để vào tài khoản đó.", "Sign in with the national eID to reach that account."
    )


class BadIdentity(AppError):
    status, code = 422, "bad-identity"
    title = Text("Thông tin định danh không hợp lệ", "The identity is not valid")
    detail = Text("Cơ quan định danh trả về dữ liệu không đúng ({what}).", "The provider's data is wrong ({what}).")


def parse_phone(text: str) -> str:
    """E.164 of a Vietnamese mobile number. Raises BadPhone."""
    try:
        number = phonenumbers.parse(text, "VN")
    except phonenumbers.NumberParseException as wrong:
        raise BadPhone from wrong
    mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    if number.country_code != 84 or not phonenumbers.is_valid_number(number) or not mobile:
        raise BadPhone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


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
