"""Sign-in by phone: a code by SMS. The answer to asking is the same whether or not the number has an account."""

import hmac
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules
from app.accounts.models import Account, PhoneCode
from app.accounts.rules import CODE_TRIES_MAX, CODE_TTL, PHONE, SMS_JOB, BadCode
from app.accounts.schemas import AskCode, NewSession
from app.core import outbox, sessions
from app.core.crypto import Crypto
from app.core.db import lock_number
from app.core.house import House
from app.core.ids import new_id
from app.core.limits import Rate
from app.core.principals import Citizen
from app.core.sessions import TokensOut

SMS_TEXT = {
    "vi": "{code} la ma dang nhap ung dung thanh pho, co hieu luc 5 phut. Khong cung cap ma nay cho bat ky ai.",
    "en": "{code} is your city app sign-in code, valid for 5 minutes. Never give it to anybody.",
}
"""Without diacritics: one SMS of 160 characters instead of three."""


async def ask(house: House, asked: AskCode, address: str) -> datetime:
    """Have a code sent; returns when it ends. Raises BadPhone, TooManyRequests.

    Asked twice at once, a phone still has one code that works: a second would double the guesses.
    """
    phone = rules.parse_phone(asked.phone)
    index = house.crypto.index(PHONE, phone)
    per_address = house.settings.limits.codes_per_address
    (await house.limits.spend(Rate("phone-codes-address", per_address, 600, per_address), address)).check()
    (await house.limits.spend(rules.PHONE_RATE, index.hex())).check()
    now = datetime.now(UTC)
    code = PhoneCode(
        id=new_id(),
        phone_index=index,
        phone_sealed=house.crypto.encrypt(PHONE, phone),
        tries=0,
        language=asked.language,
        created_at=now,
        expires_at=now + CODE_TTL,
    )
    digits = rules.new_code()
    code.code_sealed = house.crypto.encrypt("phone.code", digits)
    code.code_index = _code_index(house.crypto, code.id, digits)
    async with house.database.transaction() as db:
        await db.execute(select(func.pg_advisory_xact_lock(lock_number(index))))
        await db.execute(update(PhoneCode).where(PhoneCode.phone_index == index, _unused()).values(expires_at=now))
        db.add(code)
        outbox.put(db, SMS_JOB, code_id=code.id)
    return code.expires_at


async def sign_in(house: House, asked: NewSession) -> TokensOut:
    """Open a session with the code; the first time, the account too. Raises BadPhone, BadCode.

    A wrong try is counted before it is refused, because the count must outlive the refusal.
    """
    phone = rules.parse_phone(asked.phone)
    index = house.crypto.index(PHONE, phone)
    async with house.database.transaction() as db:
        code = await _used(db, house.crypto, index, asked.code)
        if code is not None:
            account_id = await _account(db, house.crypto, phone, code.language)
            opened = sessions.open_session(db, house, "citizen", account_id, {"level": 0}, asked.device_name)
            return sessions.tokens_of(house, Citizen(account_id, opened.session.id, 0), opened)
    raise BadCode


async def to_send(db: AsyncSession, crypto: Crypto, code_id: UUID) -> tuple[str, str] | None:
    """Phone and text of a code still of use; None when there is nothing to send any more."""
    code = await db.get(PhoneCode, code_id)
    if code is None or code.code_sealed is None or code.phone_sealed is None or code.expires_at <= datetime.now(UTC):
        return None
    digits = crypto.decrypt("phone.code", code.code_sealed)
    return crypto.decrypt(PHONE, code.phone_sealed), SMS_TEXT[code.language].format(code=digits)


async def sent(db: AsyncSession, code_id: UUID) -> None:
    """Wipe what is no longer needed: from now on only a keyed hash of the code is left."""
    await db.execute(update(PhoneCode).where(PhoneCode.id == code_id).values(phone_sealed=None, code_sealed=None))


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(PhoneCode).where(PhoneCode.expires_at < datetime.now(UTC) - CODE_TTL))


async def _used(db: AsyncSession, crypto: Crypto, index: bytes, digits: str) -> PhoneCode | None:
    """Count one try; the code, if the digits fit it. Too many tries end it."""
    code = await db.scalar(
        select(PhoneCode)
        .where(PhoneCode.phone_index == index, _unused(), PhoneCode.expires_at > datetime.now(UTC))
        .with_for_update()
    )
    if code is None:
        return None
    code.tries += 1
    if code.tries > CODE_TRIES_MAX or not hmac.compare_digest(code.code_index, _code_index(crypto, code.id, digits)):
        return None
    code.used_at, code.phone_sealed, code.code_sealed = datetime.now(UTC), None, None
    return code


async def _account(db: AsyncSession, crypto: Crypto, phone: str, language: str) -> UUID:
    """The account of a phone, made the first time; two at once make one."""
    made = insert(Account).values(
        id=new_id(),
        phone_sealed=crypto.encrypt(PHONE, phone),
        phone_index=crypto.index(PHONE, phone),
        full_name="",
        level=0,
        language=language,
        created_at=datetime.now(UTC),
        version=1,
    )
    made = made.on_conflict_do_update(index_elements=["phone_index"], set_={"version": Account.version})
    return (await db.scalars(made.returning(Account.id))).one()


def _unused() -> ColumnElement[bool]:
    return PhoneCode.used_at.is_(None)


def _code_index(crypto: Crypto, code_id: UUID, digits: str) -> bytes:
    return crypto.index("phone.code", f"{code_id}:{digits}")
