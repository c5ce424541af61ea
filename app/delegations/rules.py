"""The law of delegations: kinds, scopes, states, ages, tax codes. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare
from app.core.limits import Rate

OFFER_JOB = declare("delegation-offer", Lane.NORMAL)
"""Tells who was named by phone, if that phone has an account: done later, so that the answer cannot tell."""
CLOSE_JOB = declare("delegations-close", Lane.NORMAL, timeout_s=120)
"""Ends what has come to its end."""
RECHECK_JOB = declare("delegations-recheck", Lane.BULK, timeout_s=120)
"""Finds what a registry has to be asked about again."""
ASK_JOB = declare("delegation-recheck", Lane.BULK, tries_max=24)
"""Asks a registry again about one delegation."""

PHONE, TAX_CODE = "delegation.phone", "business.tax_code"
"""Purposes of encryption; tax codes have their blind index under the same name, invited phones under the accounts' own."""


class Kind(StrEnum):
    GUARDIAN = "guardian"
    CARER = "carer"
    BUSINESS = "business"


class Role(StrEnum):
    """What the one who acts is to the other, as the registry says it or as it was granted."""

    MOTHER = "mother"
    FATHER = "father"
    GUARDIAN = "guardian"
    CARER = "carer"
    LEGAL_REPRESENTATIVE = "legal-representative"
    AUTHORISED = "authorised"
    APPOINTED = "appointed"


class Scope(StrEnum):
    """What a delegation covers. A handler says its own in `opt={"on_behalf": …}`."""

    TICKETS = "tickets"
    INBOX = "inbox"
    HEALTH = "health"
    WALLET = "wallet"
    TRANSIT = "transit"


SCOPES: dict[Kind, frozenset[Scope]] = {
    Kind.GUARDIAN: frozenset(Scope),
    Kind.CARER: frozenset(Scope),
    Kind.BUSINESS: frozenset(Scope) - {Scope.HEALTH},
}
"""What each kind can cover; a registry's proof covers all of it."""


class State(StrEnum):
    PENDING = "pending"
    """Granted to a phone, not accepted yet."""
    ACTIVE = "active"
    DECLINED = "declined"
    LAPSED = "lapsed"
    """Nobody accepted in time."""
    REVOKED = "revoked"
    ENDED = "ended"
    """Its time was over, or what it stood on is no longer so."""


NEXT: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.ACTIVE, State.DECLINED, State.LAPSED, State.REVOKED}),
    State.ACTIVE: frozenset({State.REVOKED, State.ENDED}),
}
OPEN = frozenset(NEXT)


class Reason(StrEnum):
    """Why a delegation ended by itself."""

    OVER = "over"
    OF_AGE = "of-age"
    ROLE_LOST = "role-lost"
    MERGED = "merged"
    """The two turned out to be one person, or one delegation was left over when two accounts were merged."""
    ACCOUNT_CLOSED = "account-closed"


ADULT_AT = 18
"""Years (Bộ luật Dân sự 2015, Điều 20)."""
GRANTED_MAX = timedelta(days=365)
"""A grant lasts a year at most, then it is to be thought of again."""
INVITED_FOR = timedelta(days=14)
OPEN_MAX = 20
"""Grants of one account that are pending or active at once."""
INVITED_A_DAY_MAX = 10
"""Grants one person can send out a day; each rings a phone."""
PROOF_KEPT = timedelta(days=30)
"""So long a business registry's word is good if it cannot be asked again."""
RECHECKED: dict[Kind, timedelta] = {Kind.GUARDIAN: timedelta(days=7), Kind.BUSINESS: timedelta(days=1)}
"""How often the registry is asked again."""
ASK_RATE = Rate("registry-questions", amount=20, window_s=3600, burst=10)
"""Questions one person can put to the registries: nobody tries numbers out."""


class NoSuchDelegation(AppError):
    status, code = 404, "no-such-delegation"
    title = Text("Không có uỷ quyền này", "No such delegation")


class DelegationOver(AppError):
    status, code = 409, "delegation-over"
    title = Text("Uỷ quyền không còn ở trạng thái đó", "The delegation is no longer there to be changed")
    detail = Text("Uỷ quyền này {state}.", "The delegation is {state}.")
    words = {
        State.PENDING: Text("đang chờ trả lời", "pending"),
        State.ACTIVE: Text("đang có hiệu lực", "active"),
        State.DECLINED: Text("đã bị từ chối", "declined"),
        State.LAPSED: Text("đã hết hạn trả lời", "lapsed"),
        State.REVOKED: Text("đã bị thu hồi", "revoked"),
        State.ENDED: Text("đã kết thúc", "ended"),
    }


class GuardianshipNotProved(AppError):
    """The same for a child that is not there, not yours, or not as you say: what the registry knows is not ours to tell."""

    status, code = 403, "guardianship-not-proved"
    title = Text("Chưa xác minh được quyền giám hộ", "The guardianship is not proved")
    detail = Text(
        "Cơ sở dữ liệu dân cư không xác nhận bạn là cha, mẹ hoặc người giám hộ theo thông tin đã nhập."
        " Kiểm tra lại thông tin hoặc liên hệ công an phường, xã.",
        "The population registry does not confirm you as a parent or guardian with these details. Check them, or ask the"
        " ward police.",
    )


class RoleNotProved(AppError):
    """The same for a business that is not there and for one in which the person has no role."""

    status, code = 403, "role-not-proved"
    title = Text("Chưa xác minh được vai trò", "The role is not proved")
    detail = Text(
        "Cơ quan đăng ký kinh doanh không xác nhận bạn được đại diện cho doanh nghiệp có mã số thuế này.",
        "The business registry does not confirm that you may act for a business with this tax code.",
    )


class OfAge(AppError):
    status, code = 422, "of-age"
    title = Text("Người này đã đủ 18 tuổi", "This person is of age")
    detail = Text(
        "Người đủ 18 tuổi tự dùng tài khoản của mình; họ có thể uỷ quyền cho bạn.",
        "Who is 18 uses their own account; they can grant you a delegation.",
    )


class NumberUnfit(AppError):
    status, code = 422, "number-unfit"
    title = Text("Số định danh không khớp ngày sinh", "The personal number does not fit the birth date")


class BadTaxCode(AppError):
    status, code = 422, "bad-tax-code"
    title = Text("Mã số thuế không hợp lệ", "The tax code is not valid")
    detail = Text(
        "Nhập 10 số, 13 số của đơn vị phụ thuộc (0101234565-001), hoặc số định danh của chủ hộ kinh doanh.",
        "Enter 10 digits, 13 of a branch (0101234565-001), or the personal number of a household business's owner.",
    )


class IdentityNeeded(AppError):
    status, code = 409, "identity-needed"
    title = Text("Tài khoản chưa có số định danh", "The account has no personal number")
    detail = Text("Hãy đăng nhập bằng định danh điện tử trước.", "Please sign in with the national eID first.")


class OneselfNamed(AppError):
    status, code = 422, "oneself-named"
    title = Text("Không thể uỷ quyền cho chính mình", "Nobody acts for themselves by delegation")


class AlreadyDelegated(AppError):
    status, code = 409, "already-delegated"
    title = Text("Đã uỷ quyền cho người này", "This is delegated already")
    detail = Text(
        "Thu hồi uỷ quyền đang có trước khi uỷ quyền lại.", "Revoke the delegation there is, then grant another."
    )


class TooManyDelegations(AppError):
    status, code = 409, "too-many-delegations"
    title = Text("Bạn đã uỷ quyền quá nhiều", "Too many delegations")
    detail = Text("Tối đa {most}.", "At most {most}.")


class EndUnfit(AppError):
    status, code = 422, "end-unfit"
    title = Text("Ngày kết thúc không hợp lệ", "The end does not fit")
    detail = Text("Từ ngày mai đến hết ngày {latest}.", "From tomorrow until {latest}.")


class ScopeUnfit(AppError):
    status, code = 422, "scope-unfit"
    title = Text("Phạm vi không uỷ quyền được", "This cannot be delegated")


class NotOfAge(AppError):
    status, code = 403, "not-of-age"
    title = Text("Chưa đủ 18 tuổi", "Not of age")
    detail = Text(
        "Người dưới 18 tuổi có cha, mẹ hoặc người giám hộ đại diện, không tự uỷ quyền.",
        "Under 18 one is represented by a parent or guardian, and does not grant a delegation.",
    )


class GuardianStays(AppError):
    status, code = 403, "guardian-stays"
    title = Text("Người giám hộ không do trẻ thu hồi", "A child cannot revoke a guardian")
    detail = Text(
        "Quyền này theo pháp luật và tự hết khi đủ 18 tuổi.", "It stands by law, and ends by itself at the age of 18."
    )


def adult_on(born: date) -> date:
    """The first day of being 18. Who was born on 29 February has completed the years when 28 February is over."""
    eve = born - timedelta(days=1)
    try:
        return eve.replace(year=eve.year + ADULT_AT) + timedelta(days=1)
    except ValueError:
        return date(eve.year + ADULT_AT, 3, 1)


def midnight(day: date, timezone: str) -> datetime:
    """When a day begins in the city."""
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC)


def today(timezone: str) -> date:
    return datetime.now(ZoneInfo(timezone)).date()


def end_of_grant(ends_on: date, timezone: str) -> datetime:
    """A grant holds through the whole of its last day. Raises EndUnfit."""
    now = today(timezone)
    latest = now + GRANTED_MAX
    if not now < ends_on <= latest:
        raise EndUnfit(latest=latest.isoformat())
    return midnight(ends_on + timedelta(days=1), timezone)


def check_scopes(kind: Kind, scopes: list[Scope]) -> list[str]:
    """In order, each once. Raises ScopeUnfit."""
    if not scopes or not SCOPES[kind].issuperset(scopes):
        raise ScopeUnfit
    return sorted(set(scopes))


WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)


def parse_tax_code(text: str) -> str:
    """`0101234565`, `0101234565-001`, or 12 digits. Raises BadTaxCode.

    Ten digits end with a check digit; a branch has three more. Since 2025-07-01 a household business has the personal number
    of its owner for a tax code (Thông tư 86/2024/TT-BTC, Điều 5), which has none.
    """
    found = re.fullmatch(r"(\d{10})(?:-?(\d{3}))?", re.sub(r"\s", "", text), re.ASCII)
    if found is None:
        return _household(text)
    digits = [int(digit) for digit in found[1]]
    checked = 10 - sum(digit * weight for digit, weight in zip(digits, WEIGHTS, strict=False)) % 11
    if digits[9] != checked or found[2] == "000":
        raise BadTaxCode
    return f"{found[1]}-{found[2]}" if found[2] else found[1]


def _household(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text.strip(), re.ASCII):
        raise BadTaxCode
    return text.strip()


def is_personal(tax_code: str) -> bool:
    """A household business's code is somebody's personal number, and shown masked."""
    return len(tax_code) == 12


def mask_name(name: str) -> str:
    """`N••••• V•• A•`: enough to recognise who one knows."""
    return " ".join(word[0] + "•" * (len(word) - 1) for word in name.split())
