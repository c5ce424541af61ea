"""The law of credentials: codes, their life and their rates. Pure."""

from datetime import timedelta

from app.core.errors import AppError, OutsideUnavailable, Text
from app.core.jobs import Lane, declare
from app.core.limits import Rate

SMS_JOB = declare("sms-code", Lane.URGENT, timeout_s=20, tries_max=5)

CODE_TTL = timedelta(minutes=5)
CODE_TRIES_MAX = 5
PHONE_RATE = Rate("phone-codes", amount=10, window_s=3600, burst=3)
"""Codes sent to one number."""
DEVICE_RATE = Rate("phone-codes-device", amount=20, window_s=3600, burst=5)
"""Codes asked for by one installation of the app."""
TRY_RATE = Rate("sign-in-tries", amount=60, window_s=3600, burst=15)
"""Codes handed in for one number, right or wrong."""


class BadCode(AppError):
    status, code = 422, "bad-code"
    title = Text("Mã không đúng hoặc đã hết hạn", "The code is wrong or has expired")
    detail = Text("Kiểm tra lại tin nhắn, hoặc yêu cầu mã mới.", "Check the message again, or ask for a new code.")


class LevelNotReached(AppError):
    status, code = 403, "level-not-reached"
    title = Text("Chưa đạt mức định danh đã yêu cầu", "The assurance level asked for was not reached")
    detail = Text(
        "Cơ quan định danh chỉ xác nhận mức {level}, nhưng đã yêu cầu mức {asked}. Hãy đăng nhập mức {level}, hoặc nâng mức"
        " định danh tại cơ quan công an.",
        "The provider vouches for level {level}, and level {asked} was asked for. Sign in with level {level}, or have your"
        " identity raised at the police.",
    )


class NotYourIdentity(AppError):
    status, code = 403, "identity-not-yours"
    title = Text("Định danh này không phải của tài khoản", "This is not the account's identity")
    detail = Text(
        "Hãy xác thực bằng đúng định danh điện tử đã gắn với tài khoản.",
        "Prove who you are with the national eID that is tied to this account.",
    )


class NoEid(AppError):
    status, code = 409, "no-eid"
    title = Text("Tài khoản chưa gắn định danh điện tử", "No national eID is tied to the account")
    detail = Text("Hãy gắn định danh điện tử vào tài khoản trước.", "Tie your national eID to the account first.")


class NoPhone(AppError):
    status, code = 409, "no-phone"
    title = Text("Tài khoản chưa có số điện thoại", "The account has no phone number")
    detail = Text(
        "Việc này cần một số điện thoại đã xác thực trong tài khoản.",
        "This needs a proved phone number on the account.",
    )


class EidUnavailable(OutsideUnavailable):
    """The same problem, in words that help."""

    title = Text("Hệ thống định danh điện tử chưa trả lời", "The national eID does not answer")
    detail = Text(
        "Hệ thống định danh điện tử tạm thời không trả lời. Bạn vẫn đăng nhập được bằng số điện thoại; hãy thử lại sau ít phút.",
        "The national eID does not answer for now. You can still sign in with your phone; please try again in a few minutes.",
    )


class IdentityTaken(AppError):
    status, code = 409, "identity-taken"
    title = Text("Định danh đã gắn với tài khoản khác", "The identity belongs to another account")
    detail = Text(
        "Đăng nhập bằng định danh điện tử để vào tài khoản đó.", "Sign in with the national eID to reach that account."
    )
