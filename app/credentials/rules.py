"""The law of credentials: codes, their life and their rates. Pure."""

from datetime import timedelta

from app.core.errors import AppError, Text
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


class IdentityTaken(AppError):
    status, code = 409, "identity-taken"
    title = Text("Định danh đã gắn với tài khoản khác", "The identity belongs to another account")
    detail = Text(
        "Đăng nhập bằng định danh điện tử để vào tài khoản đó.", "Sign in with the national eID to reach that account."
    )
