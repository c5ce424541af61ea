"""The law of credentials: codes, their life and their rates. Pure."""

from datetime import timedelta
from enum import StrEnum

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare
from app.core.limits import Rate

SMS_JOB = declare("sms-code", Lane.URGENT, timeout_s=20, tries_max=5)

CODE_TTL = timedelta(minutes=5)
WORD_TTL = timedelta(days=1)
"""How long it makes sense to tell a number that it is no longer used."""
FRESH_S = 600
"""A change of phone needs a proof of who one is no older than this."""
CODE_TRIES_MAX = 5
PHONE_RATE = Rate("phone-codes", amount=10, window_s=3600, burst=3)
"""Codes sent to one number."""
DEVICE_RATE = Rate("phone-codes-device", amount=20, window_s=3600, burst=5)
"""Codes asked for by one installation of the app."""
TRY_RATE = Rate("sign-in-tries", amount=60, window_s=3600, burst=15)
"""Codes handed in for one number, right or wrong."""


EID_BEGINS_WINDOW_S = 600
"""Sign-ins at the national eID begun from one address have a rate too: each is kept for ten minutes."""


class Purpose(StrEnum):
    """Of an SMS to a phone."""

    SIGN_IN = "sign-in"
    CONFIRM = "confirm"
    CHANGED = "changed"


class PhoneTaken(AppError):
    """Said only to who has just shown to hold the number."""

    status, code = 409, "phone-taken"
    title = Text("Số này đang dùng cho tài khoản khác", "The number belongs to another account")
    detail = Text(
        "Đăng nhập bằng số này rồi gắn định danh điện tử để gộp hai tài khoản.",
        "Sign in with this number and link the national eID, to merge the two accounts.",
    )


class PhoneMissing(AppError):
    status, code = 409, "phone-missing"
    title = Text("Tài khoản chưa có số điện thoại", "The account has no phone")


class BadCode(AppError):
    status, code = 422, "bad-code"
    title = Text("Mã không đúng hoặc đã hết hạn", "The code is wrong or has expired")
    detail = Text("Kiểm tra lại tin nhắn, hoặc yêu cầu mã mới.", "Check the message again, or ask for a new code.")


class MergeOffered(AppError):
    """The eID belongs to another account of the same person, and nothing has changed yet."""

    status, code = 409, "merge-offered"
    title = Text("Bạn đã có một tài khoản khác", "You have another account")
    detail = Text(
        "Định danh này đã gắn với tài khoản khác của bạn. Nếu đồng ý, hãy xác nhận gộp: tài khoản đang dùng sẽ đóng, mọi "
        "phản ánh và tin nhắn chuyển sang tài khoản kia.",
        "This identity is tied to another account of yours. If you agree, confirm the merge: the account you are in is "
        "closed, and all its tickets and messages go to the other.",
    )


class IdentityTaken(AppError):
    status, code = 409, "identity-taken"
    title = Text("Định danh đã gắn với tài khoản khác", "The identity belongs to another account")
    detail = Text(
        "Đăng nhập bằng định danh điện tử để vào tài khoản đó.", "Sign in with the national eID to reach that account."
    )
