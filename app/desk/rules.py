"""The law of the desk: who may open what of a resident, and how often one may look somebody up. Pure."""

from app.accounts.rules import State
from app.core.errors import AppError, Text
from app.core.limits import Rate

FIND = "account.find"
OPEN = "account.open"
NUMBERS = "account.numbers"
SIGN_INS = "account.sign-ins"
STATE = "account.state"
TRAIL = "trail.see"
"""Acts. Accounts and the trail belong to no unit, so these count only in roles held for the whole city."""

LOOKUP_RATE = Rate("account-lookups", 120, 3600, 30)
"""Of one officer: enough for a busy counter, too few to try numbers in a row."""

SIGNED_IN = ("signed-in", "proved-again", "signed-out", "signed-out-everywhere", "refresh-reused")
"""Entries of the trail that make the history of an account's sign-ins."""

BY_OFFICERS = frozenset({State.ACTIVE, State.SUSPENDED, State.BLOCKED, State.RESET_REQUIRED})
"""States between which officers bring an account; its end is its holder's to ask for, and to call off."""


class NoSuchAccount(AppError):
    status, code = 404, "no-such-account"
    title = Text("Không có tài khoản này", "No such account")


class LookupUnclear(AppError):
    status, code = 422, "lookup-unclear"
    title = Text("Tra cứu chưa rõ", "The lookup is unclear")
    detail = Text(
        "Nhập đúng một trong hai: số điện thoại, hoặc số định danh cá nhân 12 chữ số.",
        "Give exactly one: a telephone number, or a personal number of 12 digits.",
    )


class TrailUnclear(AppError):
    status, code = 422, "trail-unclear"
    title = Text("Chưa rõ xem nhật ký của ai", "It is unclear whose trail to show")
    detail = Text("Nêu tài khoản, cán bộ, hoặc cả hai.", "Name an account, an officer, or both.")
