"""Codes by SMS: to sign in, to prove anew who one is, to take another number for one's own account.

The answer to asking is the same whether or not the number has an account, and so is the way to it.
"""

import hmac
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, of_person
from app.accounts.rules import PHONE, Method, parse_phone
from app.core import outbox, person_keys
from app.core.crypto import Crypto
from app.core.db import lock_number
from app.core.house import House
from app.core.ids import new_id
from app.core.limits import Rate
from app.core.sessions import TokensOut
from app.credentials import rules, service
from app.credentials.models import PhoneCode
from app.credentials.rules import CODE_TRIES_MAX, CODE_TTL, SMS_JOB, WORD_TTL, BadCode, Purpose
from app.credentials.schemas import AskCode, NewSession

SMS_TEXT = {
    (Purpose.SIGN_IN, "vi"): "{code} la ma dang nhap ung dung thanh pho, co hieu luc 5 phut. "
    "Khong cung cap ma nay cho bat ky ai.",
    (Purpose.SIGN_IN, "en"): "{code} is your city app sign-in code, valid for 5 minutes. Never give it to anybody.",
    (Purpose.PROOF, "vi"): "{code} la ma xac thuc lai tren ung dung thanh pho, co hieu luc 5 phut. "
    "Khong cung cap ma nay cho bat ky ai.",
    (Purpose.PROOF, "en"): "{code} is the code to prove again who you are in the city app, valid for 5 minutes. "
    "Never give it to anybody.",
    (
        Purpose.CONFIRM,
        "vi",
    ): "{code} la ma xac nhan so dien thoai cho tai khoan ung dung thanh pho, co hieu luc 5 phut. "
    "Khong cung cap ma nay cho bat ky ai.",
    (Purpose.CONFIRM, "en"): "{code} confirms this phone for a city app account, valid for 5 minutes. "
    "Never give it to anybody.",
    (Purpose.CHANGED, "vi"): "So dien thoai nay khong con dung de dang nhap ung dung thanh pho. "
    "Neu khong phai ban yeu cau, hay goi 1022.",
    (Purpose.CHANGED, "en"): "This number no longer signs in to the city app. If you did not ask for it, call 1022.",
}
"""Without diacritics: one SMS of 160 characters instead of three."""


async def ask(house: House, asked: AskCode, address: str) -> datetime:
    """Have a sign-in code sent; returns when it ends. Raises BadPhone, TooManyRequests."""
    return await ask_for(house, asked, Purpose.SIGN_IN, None, address)


async def ask_for(house: House, asked: AskCode, purpose: Purpose, account_id: UUID | None, address: str) -> datetime:
    """A code to the phone that somebody names. Raises BadPhone, TooManyRequests."""
    phone = parse_phone(asked.phone)
    if asked.device_id:
        (await house.limits.spend(rules.DEVICE_RATE, asked.device_id)).check()
    return await send(house, phone, purpose, account_id, asked.language, address)


async def send(
    house: House, phone: str, purpose: Purpose, account_id: UUID | None, language: str, address: str
) -> datetime:
    """A code to a phone in E.164; returns when it ends. Raises TooManyRequests: the rates count for all purposes together.

    Asked twice at once, a phone still has one code that works: a second would double the guesses.
    """
    index = house.crypto.index(PHONE, phone)
    per_address = house.settings.limits.codes_per_address
    (await house.limits.spend(Rate("phone-codes-address", per_address, 600, per_address), address)).check()
    (await house.limits.spend(rules.PHONE_RATE, index.hex())).check()
    now = datetime.now(UTC)
    code = PhoneCode(
        id=new_id(),
        purpose=purpose,
        account_id=account_id,
        phone_index=index,
        phone_sealed=house.crypto.encrypt(PHONE, phone),
        tries=0,
        language=language,
        created_at=now,
        expires_at=now + CODE_TTL,
    )
    code.code_index = index_of(house.crypto, code.id, digits_of(house.crypto, code.id))
    async with house.database.transaction() as db:
        await db.execute(select(func.pg_advisory_xact_lock(lock_number(index))))
        older = update(PhoneCode).where(PhoneCode.phone_index == index, PhoneCode.purpose == purpose, _unused())
        await db.execute(older.values(expires_at=now))
        db.add(code)
        outbox.put(db, SMS_JOB, code_id=code.id)
    return code.expires_at


async def sign_in(house: House, asked: NewSession) -> TokensOut:
    """Open a session with the code; the first time, the account too. Raises BadPhone, BadCode, AccountShut."""
    phone = parse_phone(asked.phone)
    code = await use(house, phone, Purpose.SIGN_IN, None, asked.code)
    async with house.database.transaction() as db:
        account = await _account(db, house.crypto, phone, code.language)
        return await service.open_session(db, house, account, Method.PHONE, 0, asked.device_name)


async def use(house: House, phone: str, purpose: Purpose, account_id: UUID | None, digits: str) -> PhoneCode:
    """The code that was sent for that, by that account, used up. Raises BadCode, TooManyRequests.

    A try is counted before anything is refused, because the count must outlive the refusal.
    """
    index = house.crypto.index(PHONE, phone)
    (await house.limits.spend(rules.TRY_RATE, index.hex())).check()
    async with house.database.transaction() as db:
        mine = PhoneCode.account_id.is_not_distinct_from(account_id) & (PhoneCode.purpose == purpose)
        code = await _used(db, house.crypto, index, mine, digits)
    if code is None:
        raise BadCode
    return code


def say_changed(db: AsyncSession, crypto: Crypto, phone: str, language: str, account_id: UUID) -> None:
    """A word to the number that was the account's until now."""
    now = datetime.now(UTC)
    word = PhoneCode(
        id=new_id(),
        purpose=Purpose.CHANGED,
        account_id=account_id,
        phone_index=crypto.index(PHONE, phone),
        phone_sealed=crypto.encrypt(PHONE, phone),
        code_index=b"",
        tries=0,
        language=language,
        created_at=now,
        expires_at=now + WORD_TTL,
        used_at=now,
    )
    db.add(word)
    outbox.put(db, SMS_JOB, code_id=word.id)


async def to_send(db: AsyncSession, crypto: Crypto, code_id: UUID) -> tuple[str, str] | None:
    """Phone and text of a code still of use; None when there is nothing to send any more."""
    code = await db.get(PhoneCode, code_id)
    if code is None or code.phone_sealed is None or code.expires_at <= datetime.now(UTC):
        return None
    text = SMS_TEXT[Purpose(code.purpose), code.language].format(code=digits_of(crypto, code.id))
    return crypto.decrypt(PHONE, code.phone_sealed), text


async def sent(db: AsyncSession, code_id: UUID) -> None:
    """Wipe what is no longer needed."""
    await db.execute(update(PhoneCode).where(PhoneCode.id == code_id).values(phone_sealed=None))


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(PhoneCode).where(PhoneCode.expires_at < datetime.now(UTC) - CODE_TTL))


async def erase(db: AsyncSession, account_id: UUID) -> None:
    """Forget what was sent to the phones of a person or asked for by them; to be called while the account still knows its
    phone, and so do those that were merged into it."""
    mine = of_person(account_id)
    phones, accounts = select(Account.phone_index).where(mine), select(Account.id).where(mine)
    await db.execute(
        delete(PhoneCode).where(or_(PhoneCode.phone_index.in_(phones), PhoneCode.account_id.in_(accounts)))
    )


async def _used(
    db: AsyncSession, crypto: Crypto, index: bytes, mine: ColumnElement[bool], digits: str
) -> PhoneCode | None:
    """Count one try; the code, if the digits fit it. Too many tries end it."""
    code = await db.scalar(
        select(PhoneCode)
        .where(PhoneCode.phone_index == index, mine, _unused(), PhoneCode.expires_at > datetime.now(UTC))
        .with_for_update()
    )
    if code is None:
        return None
    code.tries += 1
    if code.tries > CODE_TRIES_MAX or not hmac.compare_digest(code.code_index, index_of(crypto, code.id, digits)):
        return None
    code.used_at, code.phone_sealed = datetime.now(UTC), None
    return code


async def _account(db: AsyncSession, crypto: Crypto, phone: str, language: str) -> Account:
    """The account of a phone, locked, made the first time; two at once make one."""
    index = crypto.index(PHONE, phone)
    mine = select(Account).where(Account.phone_index == index).with_for_update()
    found = await db.scalar(mine)
    if found is not None:
        return found
    account_id = new_id()
    person = await person_keys.make(db, crypto, account_id)
    made = insert(Account).values(
        id=account_id,
        phone_sealed=person.encrypt(PHONE, phone),
        phone_index=index,
        full_name="",
        level=0,
        language=language,
        created_at=datetime.now(UTC),
        version=1,
    )
    made = made.on_conflict_do_nothing(index_elements=["phone_index"]).returning(Account.id)
    if await db.scalar(made) is None:
        await person_keys.shred(db, account_id)
    return (await db.scalars(mine)).one()


def digits_of(crypto: Crypto, code_id: UUID) -> str:
    """The six digits of a code: made from its id with the house's key, so that they are stored nowhere."""
    return f"{int.from_bytes(crypto.index('phone.digits', str(code_id))) % 1_000_000:06d}"


def _unused() -> ColumnElement[bool]:
    return PhoneCode.used_at.is_(None)


def index_of(crypto: Crypto, code_id: UUID, digits: str) -> bytes:
    """The keyed hash that is stored of a code."""
    return crypto.index("phone.code", f"{code_id}:{digits}")
