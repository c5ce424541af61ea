"""Officers come in: by the city's own identity provider, with two factors (Law 116/2025)."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import audit, sessions, sign_ins
from app.core.errors import AppError, Text
from app.core.house import House
from app.core.oidc import Begun, OidcClient
from app.core.principals import Officer
from app.core.sessions import RefreshRefused, TokensOut
from app.departments import queries
from app.departments.schemas import Returned

PROVIDER = "staff"
SECOND_FACTORS = frozenset({"mfa", "otp", "hwk", "swk", "pop", "fpt", "face"})
"""Values of `amr` (RFC 8176 §2) that say more than a password."""


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


async def begin(house: House, staff: OidcClient) -> Begun:
    """Start a sign-in at the identity provider; what must be remembered is kept before the answer."""
    begun = await staff.begin()
    async with house.database.transaction() as db:
        sign_ins.remember(db, PROVIDER, begun)
    return begun


async def finish(house: House, staff: OidcClient, returned: Returned) -> TokensOut:
    """Three beats: recall the begin, ask the provider, open the session.

    Raises SignInRefused, SecondFactorNeeded, NotAnOfficer.
    """
    async with house.database.transaction() as db:
        begun = await sign_ins.recall(db, PROVIDER, returned.state)
    claims = (await staff.finish(returned.code, begun)).claims
    said = claims.get("amr")
    methods = [str(method) for method in said] if isinstance(said, list) else []  # pyright: ignore[reportUnknownVariableType]
    if not SECOND_FACTORS.intersection(methods):
        raise SecondFactorNeeded
    async with house.database.transaction() as db:
        officer = await queries.officer_by_subject(db, claims["iss"], claims["sub"])
        if officer is None:
            raise NotAnOfficer
        opened = sessions.open_session(db, house, "officer", officer.id, {"amr": methods}, returned.device_name)
        principal = await _principal(db, officer.id, opened.session.id)
        audit.record(db, principal, "officer.signed-in", "session", opened.session.id)
    return sessions.tokens_of(house, principal, opened)


async def refresh(house: House, refresh_token: str) -> TokensOut:
    """New tokens; rights are read anew, so that a role taken away ends with the access token. Raises RefreshRefused."""
    opened = await sessions.rotate(house, "officer", refresh_token)
    async with house.database.transaction() as db:
        principal = await _principal(db, opened.session.subject_id, opened.session.id)
    return sessions.tokens_of(house, principal, opened)


async def _principal(db: AsyncSession, officer_id: UUID, session_id: UUID) -> Officer:
    officer = await db.get(queries.Officer, officer_id)
    if officer is None or not officer.active:
        raise RefreshRefused
    departments = {department for _, department in await queries.roles_of(db, officer_id)}
    return Officer(officer_id, session_id, frozenset(departments), await queries.acts_of(db, officer_id))
