"""The law of officers: factors of a sign-in, where an act counts, who may give and take away roles. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any

from msgspec import Struct

from app.core.errors import AppError, Text
from app.core.principals import Grant, Where

MANAGE = "officer.manage"
"""To make officers, give and take away roles, let officers in and keep them out."""
ADMINISTRATOR = "administrator"
"""The role of the first one, made by `khue administrator`."""

FACTORS: dict[str, frozenset[str]] = {
    "knowledge": frozenset({"pwd", "pin", "kba"}),
    "possession": frozenset({"otp", "hwk", "swk", "pop", "sc"}),
    "inherence": frozenset({"fpt", "face", "iris", "retina", "vbm"}),
}
"""Values of `amr` (RFC 8176 §2) by kind of factor. A telephone (`sms`, `tel`) is none: its number can be taken over."""

CITY_ONLY = ("account.", "trail.")
"""Beginnings of acts on what belongs to no unit and lies in no area: they count only where a role is held for the whole city."""

GRANTS_MAX = 50
"""Of one officer, at once: they all stand in the access token."""


class NotAnOfficer(AppError):
    status, code = 403, "not-an-officer"
    title = Text("Không phải cán bộ đang hoạt động", "Not an active officer")
    detail = Text(
        "Tài khoản chưa được cấp quyền; liên hệ quản trị của đơn vị.",
        "The account has no rights here; ask your unit's administrator.",
    )


class SecondFactorNeeded(AppError):
    status, code = 403, "second-factor-needed"
    title = Text("Cần xác thực hai lớp", "Two factors are needed")
    detail = Text(
        "Cán bộ phải đăng nhập với lớp xác thực thứ hai.", "Officers sign in with a second factor (Law 116/2025)."
    )


class NoSuchOfficer(AppError):
    status, code = 404, "no-such-officer"
    title = Text("Không có cán bộ này", "No such officer")
    detail = Text(
        "Không có cán bộ này, hoặc cán bộ không thuộc phạm vi bạn quản trị.",
        "There is no such officer, or not within what you administer.",
    )


class OfficerExists(AppError):
    status, code = 409, "officer-exists"
    title = Text("Cán bộ đã có trong hệ thống", "The officer is there already")
    detail = Text("Mã {subject} đã được khai báo.", "The subject {subject} is known already.")


class NoSuchRole(AppError):
    status, code = 422, "no-such-role"
    title = Text("Không có vai trò này", "No such role")
    detail = Text("Chọn một vai trò trong danh mục.", "Choose one of the listed roles.")


class NoSuchPlace(AppError):
    status, code = 422, "no-such-place"
    title = Text("Không có đơn vị hoặc địa bàn này", "No such unit or area")
    detail = Text(
        "Chọn một đơn vị, hoặc một phường, xã đang hoạt động; không chọn cả hai.",
        "Name a unit or an area of today, and not both.",
    )


class BadPeriod(AppError):
    status, code = 422, "bad-period"
    title = Text("Thời hạn không hợp lệ", "The period is not valid")
    detail = Text(
        "Thời điểm kết thúc phải ở tương lai và sau thời điểm bắt đầu.", "The end lies ahead, and after the beginning."
    )


class AlreadyGranted(AppError):
    status, code = 409, "already-granted"
    title = Text("Cán bộ đang giữ vai trò này ở đây", "The officer holds this role here already")
    detail = Text("Muốn đổi thời hạn, hãy thu hồi rồi cấp lại.", "To change the dates, take it away and grant it anew.")


class TooManyGrants(AppError):
    status, code = 409, "too-many-grants"
    title = Text("Cán bộ giữ quá nhiều vai trò", "The officer holds too many roles")
    detail = Text(
        "Tối đa {most} vai trò cùng lúc; hãy cấp theo địa bàn hoặc toàn thành phố.",
        "At most {most} at once; grant by area or for the whole city.",
    )


class NoSuchGrant(AppError):
    status, code = 404, "no-such-grant"
    title = Text("Cán bộ không giữ vai trò này", "The officer does not hold this role")


class NotOneself(AppError):
    status, code = 403, "not-oneself"
    title = Text("Không tự làm việc này cho chính mình", "Not for oneself")
    detail = Text(
        "Quyền của bạn do một quản trị viên khác cấp và thu hồi.",
        "Another administrator gives you rights and takes them away.",
    )


class LastAdministrator(AppError):
    status, code = 409, "last-administrator"
    title = Text("Đây là quản trị viên cuối cùng của thành phố", "This is the city's last administrator")
    detail = Text(
        "Hãy cấp quyền quản trị toàn thành phố, không thời hạn, cho một cán bộ khác trước.",
        "First make somebody else administrator of the whole city, without an end.",
    )


class Reach(IntEnum):
    """How wide somebody administers an officer."""

    UNIT = 1
    AREA = 2
    CITY = 3


class Held(Struct, frozen=True):
    """A role held somewhere, with the acts it allows."""

    acts: frozenset[str]
    department: str | None
    area: str | None


def methods_of(amr: Any) -> list[str]:
    """The methods an id token names; of what is no list of words, none."""
    said: list[Any] = amr if isinstance(amr, list) else []
    return [method for method in said if isinstance(method, str)]


def check_factors(methods: Sequence[str]) -> None:
    """Law 116/2025: two factors of different kinds, or the provider's own word `mfa`. Raises SecondFactorNeeded."""
    kinds = {kind for kind, known in FACTORS.items() if known.intersection(methods)}
    if "mfa" not in methods and len(kinds) < 2:
        raise SecondFactorNeeded


def acts_there(acts: Iterable[str], department: str | None, area: str | None) -> frozenset[str]:
    """What a role's acts come to in a place."""
    if department is None and area is None:
        return frozenset(acts)
    return frozenset(act for act in acts if not act.startswith(CITY_ONLY))


def grants_of(held: Iterable[Held]) -> tuple[Grant, ...]:
    """As an officer's token carries them: what is allowed alike stands together."""
    places: dict[frozenset[str], list[Held]] = {}
    for one in held:
        acts = acts_there(one.acts, one.department, one.area)
        if acts:
            places.setdefault(acts, []).append(one)
    return tuple(Grant(acts, _where(ones)) for acts, ones in places.items())


def check_period(starts_at: datetime, until: datetime | None, now: datetime) -> None:
    """Raises BadPeriod."""
    if until is not None and until <= max(now, starts_at):
        raise BadPeriod


def _where(held: list[Held]) -> Where:
    return Where(
        frozenset(one.department for one in held if one.department),
        frozenset(one.area for one in held if one.area),
        any(one.department is None and one.area is None for one in held),
    )
