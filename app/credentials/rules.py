"""The law of credentials: codes and passkeys, their life and their rates. Pure."""

from datetime import timedelta
from enum import StrEnum

from app.core.errors import AppError, OutsideUnavailable, Text
from app.core.jobs import Lane, declare
from app.core.limits import Rate

SMS_JOB = declare("sms-code", Lane.URGENT, timeout_s=20, tries_max=5)

CODE_TTL = timedelta(minutes=5)
WORD_TTL = timedelta(days=1)
"""How long it makes sense to tell a number that it is no longer used."""
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
    PROOF = "proof"
    """To prove anew who one is."""
    CONFIRM = "confirm"
    """To show that a number is in one's hands, before the account takes it."""
    CHANGED = "changed"
    """No code: a word to the number that was the account's."""


class PhoneTaken(AppError):
    """Said only to who has just shown to hold the number."""

    status, code = 409, "phone-taken"
    title = Text("Số này đang dùng cho tài khoản khác", "The number belongs to another account")
    detail = Text(
        "Đăng nhập bằng số này rồi gắn định danh điện tử để gộp hai tài khoản.",
        "Sign in with this number and link the national eID, to merge the two accounts.",
    )


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


class Ceremony(StrEnum):
    """What a passkey is asked for."""

    REGISTRATION = "registration"
    SIGN_IN = "sign-in"
    PROOF = "proof"


CHALLENGE_TTL = timedelta(minutes=5)
PASSKEYS_MAX = 20
"""Of one account."""
FRESH_S = 600
"""How lately a person must have proved who they are to add a way in, or to change the phone."""
TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})
"""How a browser reaches an authenticator (WebAuthn L3 §5.8.4), as far as we know the words."""


def passkey_rate(per_address: int) -> Rate:
    """Sign-ins begun from one address."""
    return Rate("passkey-sign-ins", amount=per_address, window_s=600, burst=per_address)


def went_back(seen: int, signed: int) -> bool:
    """Whether a counter says that there are two of a passkey (WebAuthn L3 §6.1.1); zero means that it does not count."""
    return (seen > 0 or signed > 0) and signed <= seen


class ChallengeUnknown(AppError):
    status, code = 422, "passkey-challenge-unknown"
    title = Text("Yêu cầu xác thực đã hết hạn hoặc đã dùng", "The challenge has expired or was used")
    detail = Text("Vui lòng bắt đầu lại.", "Please begin again.")


class PasskeyMalformed(AppError):
    status, code = 422, "passkey-malformed"
    title = Text("Dữ liệu khoá truy cập không đọc được", "The passkey's answer cannot be read")
    detail = Text(
        "Gửi nguyên JSON mà trình duyệt hoặc điện thoại trả về ({what}).",
        "Send the JSON that the browser or the phone gives, unchanged ({what}).",
    )


class WrongOrigin(AppError):
    status, code = 422, "passkey-wrong-origin"
    title = Text("Khoá truy cập được dùng ở nơi không cho phép", "The passkey was used in a place that is not ours")
    detail = Text("Chỉ dùng trong ứng dụng hoặc trang của thành phố.", "Use it in the city's own app or site only.")


class UserNotVerified(AppError):
    status, code = 422, "passkey-user-not-verified"
    title = Text("Khoá truy cập chưa xác minh người dùng", "The passkey did not verify who holds it")
    detail = Text(
        "Bật vân tay, khuôn mặt hoặc mã PIN cho khoá rồi thử lại.",
        "Set up a finger, a face or a PIN for it, and try again.",
    )


class PasskeyRefused(AppError):
    """One answer for a passkey we do not know and for a signature that is wrong."""

    status, code = 422, "passkey-refused"
    title = Text("Khoá truy cập không được chấp nhận", "The passkey is not accepted")
    detail = Text("Thử khoá khác hoặc cách đăng nhập khác.", "Try another passkey, or another way to sign in.")


class PasskeyDisabled(AppError):
    """Said only to who holds the private key."""

    status, code = 422, "passkey-disabled"
    title = Text("Khoá truy cập này không còn hiệu lực", "This passkey is no longer good")
    detail = Text(
        "Đăng nhập bằng cách khác, xoá khoá này rồi đăng ký khoá mới.",
        "Sign in another way, remove it and register a new one.",
    )


class PasskeyTooWeak(AppError):
    status, code = 422, "passkey-too-weak"
    title = Text("Khoá truy cập không đủ mức xác thực", "The passkey does not prove enough")
    detail = Text(
        "Khoá này chỉ chứng minh mức {level}; việc đang làm cần mức {needed}.",
        "It proves level {level} only, and level {needed} is needed.",
    )


class NoPasskey(AppError):
    status, code = 409, "no-passkey"
    title = Text("Không có khoá truy cập phù hợp", "No passkey that would do")
    detail = Text(
        "Tài khoản không có khoá nào chứng minh được mức {level}; hãy xác thực bằng cách khác.",
        "The account has none that proves level {level}; please prove who you are another way.",
    )


class PasskeyTaken(AppError):
    status, code = 409, "passkey-taken"
    title = Text("Khoá truy cập đã được đăng ký", "The passkey is registered already")


class TooManyPasskeys(AppError):
    status, code = 409, "too-many-passkeys"
    title = Text("Tài khoản có quá nhiều khoá truy cập", "The account has too many passkeys")
    detail = Text("Tối đa {most}; hãy xoá khoá không dùng nữa.", "At most {most}; remove those no longer used.")


class NoSuchPasskey(AppError):
    status, code = 404, "no-such-passkey"
    title = Text("Không có khoá truy cập này", "No such passkey")
