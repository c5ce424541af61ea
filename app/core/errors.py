"""Errors for people: one stable problem each (RFC 9457), in Vietnamese and English.

An error is declared beside the rule that raises it, as a subclass of AppError; this file holds those that belong to no
slice, and turns any of them into `application/problem+json`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import Struct


class Text(Struct, frozen=True):
    """One sentence in the city's two languages; `{name}` stands for a value of `params`."""

    vi: str
    en: str

    def say(self, language: str, params: dict[str, Any]) -> str:
        sentence = self.vi if language == "vi" else self.en
        return sentence.format_map(_Named(params)) if params else sentence


class _Named(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


class AppError(Exception):
    """A fact the caller must know. `code` never changes; `params` carries the details, `headers` what HTTP asks for."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[Text]
    detail: ClassVar[Text | None] = None
    words: ClassVar[Mapping[Any, Text]] = {}
    """What codes among the params are called in `detail`; `params` keeps the codes."""
    retry_after_s: ClassVar[int] = 0
    """When trying again makes sense; 0: not by waiting."""

    def __init__(self, *, headers: dict[str, str] | None = None, **params: Any) -> None:
        super().__init__(self.code)
        self.params = params
        self.headers = ({"Retry-After": str(self.retry_after_s)} if self.retry_after_s else {}) | (headers or {})


class Problem(Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details. `code` is stable; `params` holds what a program may want to know."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    params: dict[str, Any] = {}
    request_id: str = ""


def problem(error: AppError, language: str, request_id: str = "") -> Problem:
    return Problem(
        type=f"/docs/problems#{error.code}",
        title=error.title.say(language, {}),
        status=error.status,
        code=error.code,
        detail=error.detail.say(language, _spoken(error, language)) if error.detail else "",
        params=error.params,
        request_id=request_id,
    )


def _spoken(error: AppError, language: str) -> dict[str, Any]:
    words = {str(code): word.say(language, {}) for code, word in error.words.items()}
    return {name: words.get(str(value), value) for name, value in error.params.items()} if words else error.params


def encode(said: Problem) -> bytes:
    return msgspec.json.encode(said)


def language_of(accept_language: str) -> str:
    """`vi` unless the caller clearly prefers English (RFC 9110 §12.5.4, first matching range by weight)."""
    best, language = 0.0, "vi"
    for part in accept_language[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        spoken = tag.strip().lower().split("-")[0]
        try:
            q = float(weight) if weight else 1.0
        except ValueError:
            continue
        if spoken in ("vi", "en") and q > best:
            best, language = q, spoken
    return language


def all_errors() -> list[type[AppError]]:
    """Every declared error, by code: the page of problems and the house tests read this."""
    found: list[type[AppError]] = []
    waiting: list[type[AppError]] = [AppError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if "code" in kind.__dict__:
                found.append(kind)
    return sorted(found, key=lambda kind: kind.code)


class NotFound(AppError):
    status, code = 404, "not-found"
    title = Text("Không tìm thấy", "Not found")
    detail = Text(
        "Không có gì ở địa chỉ này, hoặc bạn không được xem.",
        "There is nothing at this address, or you may not see it.",
    )


class MethodNotAllowed(AppError):
    status, code = 405, "method-not-allowed"
    title = Text("Phương thức không được hỗ trợ", "Method not allowed")


class InvalidInput(AppError):
    status, code = 400, "invalid-input"
    title = Text("Dữ liệu gửi lên chưa đúng", "The input is not valid")
    detail = Text("Xem các trường được nêu trong params.fields.", "See the fields named in params.fields.")


class MalformedBody(AppError):
    status, code = 400, "malformed-body"
    title = Text("Nội dung gửi lên không đọc được", "The body cannot be read")
    detail = Text("Nội dung phải là JSON hợp lệ, mã hoá UTF-8.", "The body must be valid JSON in UTF-8.")


class UnsupportedMediaType(AppError):
    status, code = 415, "unsupported-media-type"
    title = Text("Kiểu nội dung không được hỗ trợ", "Unsupported media type")


class BodyTooLarge(AppError):
    status, code = 413, "body-too-large"
    title = Text("Nội dung gửi lên quá lớn", "The body is too large")
    detail = Text("Tối đa {bytes_max} byte.", "At most {bytes_max} bytes.")


class HeadersTooLarge(AppError):
    status, code = 431, "headers-too-large"
    title = Text("Phần đầu yêu cầu quá lớn", "The request headers are too large")


class BodyTooSlow(AppError):
    status, code = 408, "body-too-slow"
    title = Text("Gửi nội dung quá chậm", "The body arrived too slowly")


class BodyCutShort(AppError):
    """Nobody hears it; it keeps what is no fault of ours out of the errors."""

    status, code = 400, "body-cut-short"
    title = Text("Kết nối bị ngắt khi đang gửi", "The connection ended within the body")


class SignInNeeded(AppError):
    status, code = 401, "sign-in-needed"
    title = Text("Bạn cần đăng nhập", "You need to sign in")

    def __init__(self, error: str = "", **params: Any) -> None:
        challenge = 'Bearer realm="khue"' + (f', error="{error}"' if error else "")
        super().__init__(headers={"WWW-Authenticate": challenge}, **params)


class WrongDoor(AppError):
    status, code = 403, "wrong-door"
    title = Text("Tài khoản này không dùng được ở đây", "This account does not belong here")
    detail = Text("Địa chỉ này dành cho đối tượng khác.", "This address serves another kind of caller.")


class NotAllowed(AppError):
    status, code = 403, "not-allowed"
    title = Text("Bạn không có quyền làm việc này", "You may not do this")
    detail = Text("Việc này cần quyền {act}.", "This needs the right {act}.")


class Overloaded(AppError):
    status, code, retry_after_s = 503, "overloaded", 1
    title = Text("Hệ thống đang quá tải", "The system is overloaded")
    detail = Text("Vui lòng thử lại sau ít giây.", "Please try again in a few seconds.")


class ShuttingDown(AppError):
    status, code, retry_after_s = 503, "shutting-down", 2
    title = Text("Hệ thống đang khởi động lại", "The system is restarting")
    detail = Text("Vui lòng thử lại sau ít giây.", "Please try again in a few seconds.")


class TooManyRequests(AppError):
    status, code = 429, "too-many-requests"
    title = Text("Bạn thao tác quá nhanh", "Too many requests")
    detail = Text("Thử lại sau {retry_after_s} giây.", "Try again in {retry_after_s} seconds.")


class OutsideUnavailable(AppError):
    status, code, retry_after_s = 503, "outside-unavailable", 5
    title = Text("Hệ thống bên ngoài chưa trả lời", "An outside system does not answer")
    detail = Text(
        "{system} tạm thời không trả lời; vui lòng thử lại sau.", "{system} does not answer for now; please try again."
    )


class StorageUnavailable(AppError):
    status, code, retry_after_s = 503, "storage-unavailable", 2
    title = Text("Cơ sở dữ liệu tạm thời không trả lời", "The database does not answer for now")
    detail = Text("Chưa có gì bị mất; hãy gửi lại sau ít giây.", "Nothing was lost; send it again in a few seconds.")


class Conflict(AppError):
    status, code = 409, "conflict"
    title = Text("Dữ liệu vừa bị người khác thay đổi", "Someone else changed this just now")


class Broken(AppError):
    status, code = 500, "internal-error"
    title = Text("Có lỗi ở phía hệ thống", "Something broke on our side")
    detail = Text(
        "Lỗi đã được ghi lại; báo mã yêu cầu nếu cần hỗ trợ.", "It was recorded; name the request id if you need help."
    )
