"""The law of requests about one's own data (Law 91/2025/QH15, NĐ 356/2025): kinds, states, clocks, grounds. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare

EXPORT_JOB = declare("data-export", Lane.BULK, timeout_s=900, tries_max=6)
CLOSE_JOB = declare("account-close", Lane.NORMAL, timeout_s=300, tries_max=24)
DEADLINE_JOB = declare("data-request-deadline", Lane.NORMAL)

HANDLE = "data-request.handle"
"""The act of the officer in charge of personal data."""

WORDS, NOTE, FILE_KEY = "data-request.words", "data-request.note", "data-request.export"
"""Purposes of encryption, with the person's key."""

FIRST_ANSWER_DAYS = 2
"""Working days."""
FINISH = timedelta(days=15)
EXTENSION_DAYS_MAX = 15
"""One extension, with its reason told."""
REMIND_AT = 0.8
"""The officers are reminded when this share of the time has passed."""
GRACE = timedelta(days=7)
"""Between asking for deletion and the end of the account: so long one may change one's mind."""
LEFTOVERS_AFTER = timedelta(days=30)
"""How often a closed account is looked at again while a case of its is still open."""
OPEN_MAX = 10
"""Requests of one person that may be open at once."""
PROOF_MAX_AGE_S = 900
FILE_KEPT = timedelta(days=7)
AGAIN_AFTER = timedelta(days=1)
"""How long an export counts as the answer to the next wish for one."""


class Kind(StrEnum):
    SEE = "see"
    CORRECT = "correct"
    EXPORT = "export"
    DELETE = "delete"
    OBJECT = "object"
    RESTRICT = "restrict"


BY_HOUSE = frozenset({Kind.EXPORT, Kind.DELETE})
"""Carried out by workers; an officer only extends or refuses them. They need a fresh proof of who asks."""

SPOKEN: dict[Kind, Text] = {
    Kind.SEE: Text("xem dữ liệu cá nhân", "to see your personal data"),
    Kind.CORRECT: Text("chỉnh sửa dữ liệu cá nhân", "to correct your personal data"),
    Kind.EXPORT: Text("nhận bản sao dữ liệu cá nhân", "to get a copy of your personal data"),
    Kind.DELETE: Text("xoá dữ liệu cá nhân và đóng tài khoản", "to delete your personal data and close the account"),
    Kind.OBJECT: Text("phản đối việc xử lý dữ liệu cá nhân", "to object to a use of your personal data"),
    Kind.RESTRICT: Text("hạn chế việc xử lý dữ liệu cá nhân", "to restrict the use of your personal data"),
}


class Status(StrEnum):
    FILED = "filed"
    ACKNOWLEDGED = "acknowledged"
    """The first answer was given."""
    COMPLETED = "completed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    """By the resident."""


OPEN = (Status.FILED, Status.ACKNOWLEDGED)

NEXT: dict[Status, frozenset[Status]] = {
    Status.FILED: frozenset({Status.ACKNOWLEDGED, Status.COMPLETED, Status.REFUSED, Status.CANCELLED}),
    Status.ACKNOWLEDGED: frozenset({Status.COMPLETED, Status.REFUSED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.REFUSED: frozenset(),
    Status.CANCELLED: frozenset(),
}


class Stage(StrEnum):
    """What the clock watches."""

    ANSWER = "answer"
    NEAR = "near"
    FINISH = "finish"


class Ground(StrEnum):
    """Why the law lets the city refuse."""

    LAW_REQUIRES = "law-requires"
    OTHERS_RIGHTS = "others-rights"
    SECURITY = "security"
    UNDER_INVESTIGATION = "under-investigation"
    NO_SUCH_DATA = "no-such-data"
    UNFOUNDED = "unfounded"


GROUNDS: dict[Ground, Text] = {
    Ground.LAW_REQUIRES: Text(
        "pháp luật yêu cầu lưu giữ hoặc xử lý dữ liệu", "the law demands that the data be kept or used"
    ),
    Ground.OTHERS_RIGHTS: Text(
        "việc thực hiện sẽ xâm phạm quyền của người khác", "doing so would harm the rights of others"
    ),
    Ground.SECURITY: Text(
        "vì quốc phòng, an ninh hoặc trật tự, an toàn xã hội", "national defence, security or public order"
    ),
    Ground.UNDER_INVESTIGATION: Text(
        "dữ liệu đang phục vụ điều tra hoặc giải quyết vụ việc", "the data serves an investigation or a case under way"
    ),
    Ground.NO_SUCH_DATA: Text("thành phố không có dữ liệu được nêu", "the city does not have the data named"),
    Ground.UNFOUNDED: Text("yêu cầu không có căn cứ hoặc lặp lại nhiều lần", "the request is unfounded or repeated"),
}


class NoSuchRequest(AppError):
    status, code = 404, "no-such-data-request"
    title = Text("Không có yêu cầu này", "No such request")


class RequestRefuses(AppError):
    status, code = 409, "data-request-refuses"
    title = Text("Không thực hiện được với yêu cầu này", "The request does not allow this")
    detail = Text(
        "Yêu cầu ở trạng thái “{now}” không chuyển sang “{to}” được.", "A request that is {now} cannot become {to}."
    )
    words = {
        Status.FILED: Text("đã gửi", "filed"),
        Status.ACKNOWLEDGED: Text("đã trả lời lần đầu", "acknowledged"),
        Status.COMPLETED: Text("đã hoàn tất", "completed"),
        Status.REFUSED: Text("đã bị từ chối", "refused"),
        Status.CANCELLED: Text("đã rút lại", "cancelled"),
    }


class ByHouse(AppError):
    status, code = 409, "data-request-by-house"
    title = Text("Hệ thống tự thực hiện yêu cầu này", "The house carries this request out itself")
    detail = Text(
        "Cán bộ chỉ có thể gia hạn hoặc từ chối yêu cầu “{kind}”.",
        "An officer can only extend or refuse a request of kind {kind}.",
    )


class AlreadyAsked(AppError):
    status, code = 409, "data-request-already-asked"
    title = Text("Bạn đã có yêu cầu này", "You have asked for this already")
    detail = Text("Xem yêu cầu {id}.", "Look at the request {id}.")


class TooManyOpen(AppError):
    status, code = 409, "data-requests-too-many"
    title = Text("Bạn có quá nhiều yêu cầu đang mở", "Too many of your requests are open")
    detail = Text(
        "Tối đa {most} yêu cầu cùng lúc; hãy chờ kết quả hoặc rút bớt.",
        "At most {most} at once; wait for an answer, or take one back.",
    )


class ExtensionRefused(AppError):
    status, code = 409, "extension-refused"
    title = Text("Không gia hạn được", "It cannot be extended")
    detail = Text(
        "Chỉ được gia hạn một lần, khi yêu cầu chưa kết thúc và chưa quá hạn.",
        "A request is extended once only, while it is open and not overdue.",
    )


class WordsNeeded(AppError):
    status, code = 422, "data-request-words-needed"
    title = Text("Cần nói rõ yêu cầu", "Say what you ask for")
    detail = Text(
        "Nêu dữ liệu nào và bạn muốn thành phố làm gì.", "Say which data, and what you want the city to do with it."
    )


class ExportNotReady(AppError):
    status, code = 409, "export-not-ready"
    title = Text("Bản sao chưa sẵn sàng", "The export is not ready yet")
    detail = Text("Bạn sẽ nhận được tin khi có thể tải về.", "You will be told when it can be downloaded.")


class ExportGone(AppError):
    status, code = 410, "export-gone"
    title = Text("Bản sao đã hết hạn", "The export has expired")
    detail = Text("Hãy gửi yêu cầu mới.", "Please ask for a new one.")


def check_step(now: Status, to: Status) -> None:
    """Raises RequestRefuses."""
    if to not in NEXT[now]:
        raise RequestRefuses(now=now, to=to)


def next_due(status: Status, answer_due_at: datetime, due_at: datetime) -> datetime:
    """What the officer in charge has to do next is due then."""
    return answer_due_at if status == Status.FILED else due_at


def remind_at(filed_at: datetime, due_at: datetime) -> datetime:
    return filed_at + (due_at - filed_at) * REMIND_AT
