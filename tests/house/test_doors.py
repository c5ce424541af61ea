"""The house itself: every handler behind one door, with a guard; every caller at every handler."""

import re
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler

from app.core import errors
from app.main.documents import is_once
from app.main.doors import DOORS, Door
from sandbox.phone import Client
from tests.make import Make

HANDLERS = [(door, handler) for door in DOORS for handler in door.handlers]
CALLERS = ("nobody", "citizen", "officer", "partner")


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
async def callers(make: Make) -> dict[str, Client]:
    return {
        "nobody": make.nobody(),
        "citizen": await make.citizen(level=2),
        "officer": await make.officer("SO-XD"),
        "partner": make.partner(),
    }


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("door", "handler"), [one for one in HANDLERS if one[0].audience != "public"], ids=name)
async def test_every_caller_at_every_handler(
    make: Make, callers: dict[str, Client], door: Door, handler: HTTPRouteHandler, caller: str
) -> None:
    """The wrong caller is refused before anything else is looked at; the right one never as a stranger."""
    path = door.path + re.sub(r"\{[^}]+\}", "0190f5fe-7c00-7000-8000-000000000000", next(iter(handler.paths)))
    method = next(iter(handler.http_methods))
    client = callers[caller]
    if caller == door.audience and handler.handler_name.startswith("close_"):  # it signs out: not who others come as
        client = await (make.citizen() if caller == "citizen" else make.officer("SO-XD"))
    headers = {"Authorization": f"Bearer {client.token}"} if client.token else {}
    answer = await client.api.request(method, path, headers=headers)
    if caller == "nobody":
        assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-needed")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    elif caller != door.audience:
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong-door")
    else:
        assert answer.status_code not in (401, 403)
        assert answer.status_code < 500


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
