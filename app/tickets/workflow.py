"""The law of a ticket as data: its states, who may move it where, its deadlines and its routing. No I/O."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare

FILED_JOB = declare("ticket-filed", Lane.NORMAL)
DEADLINE_JOB = declare("ticket-deadline", Lane.NORMAL)
RATE_JOB = declare("ticket-rate-reminder", Lane.BULK)

ASK_RATING_AFTER = timedelta(days=3)
ERASED = "[đã xoá theo yêu cầu của người dân]"
"""Stands where the words of a resident stood who had their data deleted."""


class Kind(StrEnum):
    """The five contents of QĐ 1207/QĐ-UBND."""

    FIELD = "hien_truong"
    PROCEDURE = "tthc"
    WASTE = "lang_phi"
    MEDIA = "truyen_thong"
    INITIATIVE = "sang_kien"


class Severity(StrEnum):
    URGENT = "urgent"
    NORMAL = "normal"
    COMPLEX = "complex"


class Status(StrEnum):
    FILED = "filed"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    REJECTED = "rejected"
    RATED = "rated"


class Rating(StrEnum):
    """hài lòng · chấp nhận · chưa hài lòng"""

    SATISFIED = "satisfied"
    ACCEPTABLE = "acceptable"
    DISSATISFIED = "dissatisfied"


class Attention(StrEnum):
    """What the clock says of an open ticket."""

    NEAR = "near"
    OVERDUE = "overdue"


OPEN = (Status.FILED, Status.ACCEPTED, Status.IN_PROGRESS)

NEXT: dict[Status, frozenset[Status]] = {
    Status.FILED: frozenset({Status.ACCEPTED, Status.REJECTED}),
    Status.ACCEPTED: frozenset({Status.IN_PROGRESS, Status.ANSWERED}),
    Status.IN_PROGRESS: frozenset({Status.ANSWERED}),
    Status.ANSWERED: frozenset({Status.RATED}),
    Status.REJECTED: frozenset(),
    Status.RATED: frozenset(),
}

ACT: dict[Status, str] = {
    Status.ACCEPTED: "ticket.accept",
    Status.REJECTED: "ticket.reject",
    Status.IN_PROGRESS: "ticket.handle",
    Status.ANSWERED: "ticket.answer",
}
"""The right an officer needs to bring a ticket there, in its unit or its area; roles are data, acts are law."""

SEE = "ticket.see"
SENDER = "ticket.sender"
"""To see a ticket; to see who sent it. Both, as all acts on tickets, of one's units and of what lies in one's areas."""

REMIND_AT = 0.8
"""The unit is reminded when this share of the time it was given has passed."""


class NoSuchTicket(AppError):
    status, code = 404, "no-such-ticket"
    title = Text("Không tìm thấy phản ánh", "No such ticket")
    detail = Text("Không có phản ánh này, hoặc bạn không được xem.", "There is no such ticket, or you may not see it.")


class MoveRefused(AppError):
    status, code = 409, "move-refused"
    title = Text("Không chuyển được trạng thái", "The ticket cannot move there")
    detail = Text(
        "Phản ánh ở trạng thái “{now}” không chuyển sang “{to}” được.", "A ticket that is {now} cannot become {to}."
    )
    words = {
        Status.FILED: Text("đã gửi", "filed"),
        Status.ACCEPTED: Text("đã tiếp nhận", "accepted"),
        Status.IN_PROGRESS: Text("đang xử lý", "in progress"),
        Status.ANSWERED: Text("đã có kết quả", "answered"),
        Status.REJECTED: Text("không được tiếp nhận", "rejected"),
        Status.RATED: Text("đã đánh giá", "rated"),
    }


class ProofMissing(AppError):
    status, code = 422, "proof-missing"
    title = Text("Thiếu bằng chứng xử lý", "The proof is missing")
    detail = Text(
        "Phản ánh hiện trường phải được trả lời kèm ít nhất một ảnh kết quả.",
        "A field ticket is answered with at least one photo of the result.",
    )


class ReasonMissing(AppError):
    status, code = 422, "reason-missing"
    title = Text("Thiếu lý do từ chối", "The reason is missing")
    detail = Text("Chọn một lý do từ chối trong danh mục.", "Name one of the listed reasons for refusal.")


class NoSuchCategory(AppError):
    status, code = 422, "no-such-category"
    title = Text("Không có lĩnh vực này", "No such category")
    detail = Text(
        "Lĩnh vực {category} không có hoặc không còn dùng.", "Category {category} does not exist or is closed."
    )


class PlaceNeeded(AppError):
    status, code = 422, "place-needed"
    title = Text("Cần vị trí", "A place is needed")
    detail = Text(
        "Lĩnh vực này cần vị trí để chọn đơn vị xử lý.", "This category needs a place, to find the unit in charge."
    )


class AlreadyFiled(AppError):
    status, code = 409, "already-filed"
    title = Text("Phản ánh đã được gửi", "Already filed")
    detail = Text("Mã {id} đã được dùng cho một phản ánh khác.", "The id {id} belongs to another ticket.")


class Category(Struct, frozen=True):
    code: str
    name_vi: str
    name_en: str
    kind: Kind
    unit: str
    """A department's code, or `@WARD_PC`, `@WARD_POLICE`: the committee or the police of the ward."""
    severity: Severity
    parent_code: str | None = None


class DeadlineRule(Struct, frozen=True):
    """One line of `seeds/reference/deadline_rules.csv`; what is not of high confidence is for the city to edit."""

    code: str
    kind: str
    severity: str
    stage: str
    amount: int
    unit: str


def deadline_rule(rules: list[DeadlineRule], kind: Kind, severity: Severity, stage: str) -> DeadlineRule | None:
    """The closest rule: this kind's before the field's, this severity's before `any`."""
    fitting = [rule for rule in rules if rule.stage == stage and rule.severity in (severity, "any")]
    for wanted in (kind, Kind.FIELD):
        found = [rule for rule in fitting if rule.kind == wanted]
        if found:
            return min(found, key=lambda rule: rule.severity == "any")
    return None


def check_move(now: Status, to: Status) -> None:
    """Raises MoveRefused."""
    if to not in NEXT[now]:
        raise MoveRefused(now=now, to=to)


def remind_at(start: datetime, due: datetime) -> datetime:
    """When to remind: at `REMIND_AT` of the way, on the wall clock."""
    return start + (due - start) * REMIND_AT
