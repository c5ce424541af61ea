"""The house itself: every handler behind one door, with a guard; every caller at every handler."""

import asyncio
import re
import time
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler

from app.cli.doors import Caller, Desk, callers, method_of, verdicts
from app.core import errors
from app.core.auth import LEVELS, principal_of
from app.main.documents import is_once
from app.main.doors import DOORS, Door
from sandbox.phone import Client
from tests.make import EVERYWHERE, Make

HANDLERS = [(door, handler) for door in DOORS for handler in door.handlers]
CALLERS = callers()


def name(one: Any) -> str:
    return one.audience if isinstance(one, Door) else getattr(one, "handler_name", str(one))


def test_every_handler_hangs_on_exactly_one_door() -> None:
    seen = [id(handler) for _, handler in HANDLERS]
    assert len(seen) == len(set(seen))
    names = [(door.audience, handler.handler_name) for door, handler in HANDLERS]
    assert len(names) == len(set(names))


def test_every_door_has_a_guard_and_its_own_path() -> None:
    assert all(door.guard for door in DOORS)
    assert [door.path for door in DOORS] == [f"/v1/{door.audience}" for door in DOORS]


@pytest.mark.parametrize(("door", "handler"), HANDLERS, ids=name)
def test_every_handler_says_what_it_does(door: Door, handler: HTTPRouteHandler) -> None:
    assert (handler.fn.__doc__ or "").strip().endswith((".", "."))


@pytest.mark.parametrize(("door", "handler"), [one for one in HANDLERS if "POST" in one[1].http_methods], ids=name)
def test_every_post_is_idempotent_or_says_why_not(door: Door, handler: HTTPRouteHandler) -> None:
    exempt = handler.opt.get("once_exempt", "")
    assert is_once(handler) != bool(exempt), "either an Idempotency-Key, or a reason why none is needed"


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


async def client_of(make: Make, caller: Caller) -> Client:
    """Such a caller, with an account of their own."""
    match caller.audience:
        case "citizen":
            level = LEVELS[caller.claims["acr"]]
            return await make.citizen(level, time.time() - caller.claims["auth_time"])
        case "officer":
            acts = getattr(principal_of(caller.claims, "officer"), "acts", frozenset())
            return await make.officer("SO-XD", EVERYWHERE, acts=acts)
        case "partner":
            return make.partner()
        case _:
            return make.nobody()


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
@pytest.mark.parametrize(("door", "handler"), HANDLERS, ids=name)
async def test_every_caller_at_every_handler(
    make: Make, desk: Desk, door: Door, handler: HTTPRouteHandler, caller: Caller
) -> None:
    """The wrong caller is refused before anything else is looked at, the right one never as a stranger: the API answers as
    the guards decide, and as `khue doors` shows."""
    path = door.path + re.sub(r"\{[^}]+\}", "0190f5fe-7c00-7000-8000-000000000000", next(iter(handler.paths)))
    client = await client_of(make, caller)
    headers = {"Authorization": f"Bearer {client.token}"} if client.token else {}
    answer = await client.api.request(method_of(handler), path, headers=headers)
    refusal = await desk.refused(door, handler, caller)
    if refusal is None:
        assert answer.status_code not in (401, 403)
        assert answer.status_code < 500
    else:
        assert (answer.status_code, answer.json()["code"]) == refusal
        assert answer.status_code != 401 or answer.headers["www-authenticate"].startswith("Bearer")


def test_a_door_lets_in_its_own_callers_only() -> None:
    for door, handler, refusals in asyncio.run(verdicts(CALLERS)):
        for caller, refusal in zip(CALLERS, refusals, strict=True):
            if door.audience == "public":
                assert refusal is None
            elif not caller.audience:
                assert refusal == (401, "sign-in-needed")
            elif caller.audience != door.audience:
                assert refusal == (403, "wrong-door")
            elif caller.name in ("citizen, LoA2 just proved", "officer, every act"):
                assert refusal is None, handler.handler_name


def test_error_codes_are_unique_kebab_and_in_two_languages() -> None:
    codes = [error.code for error in errors.all_errors()]
    assert len(codes) == len(set(codes))
    for error in errors.all_errors():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", error.code)
        assert 400 <= error.status < 600
        for text in (error.title, error.detail):
            assert text is None or (text.vi and text.en)


async def test_every_problem_is_on_the_page_of_problems(make: Make) -> None:
    page = (await make.nobody().call("GET", "/docs/problems", status=200)).text
    for error in errors.all_errors():
        assert f'id="{error.code}"' in page
