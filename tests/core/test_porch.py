"""Bad input, one stable problem each; shedding, draining, headers."""

import asyncio
from typing import Any

import httpx2
import pytest

from app.core.house import House
from app.core.jobs import Lane
from app.core.porch import Porch, address_of
from app.main.composition import lane_of
from app.main.problems import as_app_error
from sandbox.phone import Resident, moments
from tests.make import Make

TICKETS = "/v1/citizen/tickets"


async def ask(client: Resident, content: bytes, **headers: str) -> httpx2.Response:
    sent = {"Authorization": f"Bearer {client.token}", "Idempotency-Key": '"k"', "Content-Type": "application/json"}
    return await client.api.post(TICKETS, content=content, headers=sent | headers)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "malformed-body"),
        (b"", 400, "invalid-input"),
        (b"[]", 400, "invalid-input"),
        (b'"text"', 400, "invalid-input"),
        (b"\xff\xfe{}", 400, "malformed-body"),
        (b'{"category_code": "GT-OGM", "description": "\xc3\x28 bad utf-8 here"}', 400, "malformed-body"),
        (b'{"category_code": "GT-OGM", "description": "nul \\u0000 inside here"}', 400, "invalid-input"),
        (b'{"category_code": "GT-OGM", "description": "long enough text", "extra": 1}', 400, "invalid-input"),
        (b'{"category_code": 7, "description": "long enough text"}', 400, "invalid-input"),
        (b'{"category_code": "GT-OGM", "description": "short"}', 400, "invalid-input"),
        (b'{"category_code": "GT-OGM", "description": "                    "}', 400, "invalid-input"),
        (
            b'{"category_code": "GT-OGM", "description": "long enough text", "place": {"lat": 99, "lon": 1}}',
            400,
            "invalid-input",
        ),
        (b'{"category_code": "GT-OGM", "description": "long enough text", "photo_ids": ["x"]}', 400, "invalid-input"),
        (b"[" * 100_000, 400, "malformed-body"),
        (b'{"description": "' + b"a" * 300_000 + b'"}', 413, "body-too-large"),
    ],
)
async def test_a_bad_body_is_one_stable_problem(citizen: Resident, content: bytes, status: int, code: str) -> None:
    answer = await ask(citizen, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_fields_at_fault_are_named(citizen: Resident) -> None:
    answer = await ask(citizen, b'{"category_code": "GT-OGM", "description": "short"}')
    assert "description" in str(answer.json()["params"]["fields"])


async def test_a_body_without_a_length_is_counted_as_it_comes(citizen: Resident) -> None:
    async def endless() -> Any:
        for _ in range(400):
            yield b"x" * 1024

    sent = {"Authorization": f"Bearer {citizen.token}", "Idempotency-Key": '"k"'}
    answer = await citizen.api.post(TICKETS, content=endless(), headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


async def test_a_body_that_dawdles_is_408(app: Porch, citizen: Resident) -> None:
    sent: list[Any] = []
    headers = [(b"authorization", f"Bearer {citizen.token}".encode()), (b"idempotency-key", b'"k"')]
    scope = scope_of("POST", TICKETS, headers=headers)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "idempotency-key-missing"),
        ("unquoted", "idempotency-key-malformed"),
        ('""', "idempotency-key-malformed"),
        ('"' + "x" * 129 + '"', "idempotency-key-malformed"),
    ],
)
async def test_an_idempotency_key_is_a_quoted_string(citizen: Resident, header: str | None, code: str) -> None:
    sent = {"Authorization": f"Bearer {citizen.token}"} | ({"Idempotency-Key": header} if header is not None else {})
    answer = await citizen.api.post(
        TICKETS, json={"category_code": "X", "description": "long enough text"}, headers=sent
    )
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    "path",
    ["/v1/citizen/tickets/%00", "/v1/citizen/tickets?cursor=%00", "/v1/public/%ff", "/v1/public/areas/search?q=%c3%28"],
)
async def test_an_address_that_is_not_text_is_refused(citizen: Resident, path: str) -> None:
    answer = await citizen.api.get(path, headers={"Authorization": f"Bearer {citizen.token}"})
    assert (answer.status_code, answer.json()["code"]) == (400, "not-text")


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/citizen/tickets/not-a-uuid", "/v1/citizen/tickets/0190f5fe-7c00-7000-8000-000000000000"]
)
async def test_what_is_not_there_is_404(citizen: Resident, path: str) -> None:
    answer = await citizen.call("GET", path, status=404)
    assert answer.json()["code"] in ("not-found", "no-such-ticket")


async def test_a_wrong_method_is_405_and_says_which(citizen: Resident) -> None:
    answer = await citizen.call("DELETE", TICKETS, status=405)
    assert answer.json()["code"] == "method-not-allowed"
    assert {one.strip() for one in answer.headers["allow"].split(",")} >= {"GET", "POST"}


async def test_headers_too_large_are_431(citizen: Resident) -> None:
    answer = await citizen.api.get("/v1/public/areas", headers={"X-Long": "x" * 20_000})
    assert (answer.status_code, answer.json()["code"]) == (431, "headers-too-large")


async def test_problems_speak_vietnamese_unless_english_is_asked_for(make: Make) -> None:
    vietnamese = await make.nobody().get("/v1/citizen/me", status=401)
    english = await make.nobody().call(
        "GET", "/v1/citizen/me", status=401, headers={"Accept-Language": "en-GB, vi;q=0.5"}
    )
    assert vietnamese["title"] == "Bạn cần đăng nhập"
    assert english.json()["title"] == "You need to sign in"
    assert vietnamese["type"] == "/docs/problems#sign-in-needed"


async def test_answers_carry_a_request_id_and_the_security_headers(make: Make) -> None:
    answer = await make.nobody().call("GET", "/v1/public/areas", status=200, headers={"X-Request-Id": "abcd-1234"})
    assert answer.headers["x-request-id"] == "abcd-1234"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    forged = await make.nobody().call("GET", "/v1/public/areas", status=200, headers={"X-Request-Id": 'a"b\n'[:3]})
    assert forged.headers["x-request-id"] != 'a"b'


async def test_what_is_personal_is_not_kept_by_caches(citizen: Resident) -> None:
    assert (await citizen.call("GET", "/v1/citizen/me", status=200)).headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_health_and_metrics_are_never_shed(path: str) -> None:
    assert lane_of(scope_of("GET", path, headers=[])) is None


async def test_answers_say_the_callers_rate(citizen: Resident) -> None:
    answer = await citizen.call("GET", "/v1/citizen/me", status=200)
    assert answer.headers["ratelimit-policy"].startswith('"caller";q=')
    assert answer.headers["ratelimit"].startswith('"caller";r=')


async def test_a_draining_process_refuses_the_new_and_finishes_what_it_began(house: House) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await leave.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    porch = Porch(slow, house.settings, body_caps={}, lane_of=lane_of, explain=as_app_error)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(porch), base_url="http://x") as client:
        begun = asyncio.create_task(client.get("/"))
        await entered.wait()
        porch.drain()
        refused = await client.get("/")
        assert (refused.status_code, refused.json()["code"]) == (503, "shutting-down")
        assert not await porch.drained(0.01)
        leave.set()
        assert (await begun).text == "done"
        assert await porch.drained(1)


async def test_overload_sheds_the_least_urgent_first(house: House) -> None:
    leave = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await leave.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    lanes = {"/bulk": Lane.BULK, "/normal": Lane.NORMAL, "/urgent": Lane.URGENT}
    porch = Porch(
        slow, house.settings, body_caps={}, lane_of=lambda scope: lanes.get(scope["path"]), explain=as_app_error
    )
    most = house.settings.server.requests_max
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(porch), base_url="http://x") as client:
        waiting: list[asyncio.Task[httpx2.Response]] = []

        async def fill(path: str, number: int) -> None:
            """So many requests under way."""
            waiting.extend(asyncio.create_task(client.get(path)) for _ in range(number))
            async for _ in moments(5):
                if porch._under_way == len(waiting):
                    break

        await fill("/urgent", most // 2)
        assert (await client.get("/bulk")).json()["code"] == "overloaded"
        await fill("/normal", most * 3 // 10)
        assert (await client.get("/normal")).status_code == 503
        await fill("/urgent", most // 5)
        refused = await client.get("/urgent")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        await fill("/health/live", 1)  # who watches us is let in
        leave.set()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}


async def test_a_caller_who_hangs_up_within_the_body_is_no_error_of_ours(app: Porch, citizen: Resident) -> None:
    messages = [{"type": "http.request", "body": b'{"category', "more_body": True}, {"type": "http.disconnect"}]
    said: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"authorization", f"Bearer {citizen.token}".encode()), (b"idempotency-key", b'"gone"')]
    await app(scope_of("POST", TICKETS, headers), receive, send)
    assert said[0]["status"] == 400
    assert b'"body-cut-short"' in said[1]["body"]


def test_a_forwarded_address_counts_only_behind_our_own_proxy() -> None:
    scope = scope_of("GET", "/", headers=[(b"x-forwarded-for", b"6.6.6.6, 1.2.3.4")])
    assert address_of(scope, []) == "10.0.0.1"
    assert address_of(scope, ["10.0.0.1"]) == "1.2.3.4"
    assert address_of(scope, ["10.0.0.1", "1.2.3.4"]) == "6.6.6.6"


def scope_of(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> Any:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers,
        "client": ("10.0.0.1", 1),
        "server": ("x", 80),
        "state": {},
    }
