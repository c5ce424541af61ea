"""The secrets in refresh tokens: each made from the one before, and tagged, so that every one ever given out is known again and
none is stored."""

import base64
import hmac
from uuid import UUID

from app.core.crypto import Crypto
from app.core.tokens import new_secret


def first(crypto: Crypto, session_id: UUID) -> str:
    return _tagged(crypto, session_id, new_secret())


def following(crypto: Crypto, session_id: UUID, secret: str) -> str:
    """The successor; the same for the same secret."""
    return _tagged(crypto, session_id, _text(crypto.index("session.refresh", f"{session_id}:{secret}")))


def is_ours(crypto: Crypto, session_id: UUID, secret: str) -> bool:
    """Whether we gave this secret out for this session, at any time."""
    return hmac.compare_digest(_tagged(crypto, session_id, secret.rpartition(".")[0]).encode(), secret.encode())


def written(session_id: UUID, secret: str) -> str:
    """The token as the app keeps it."""
    return f"{session_id.hex}.{secret}"


def parse(refresh_token: str) -> tuple[UUID, str] | None:
    """The session and the secret; None for what is no token of ours."""
    session_id, _, secret = refresh_token.partition(".")
    try:
        return UUID(hex=session_id), secret
    except ValueError:
        return None


def _tagged(crypto: Crypto, session_id: UUID, secret: str) -> str:
    return f"{secret}.{_text(crypto.index('session.tag', f'{session_id}:{secret}')[:16])}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
