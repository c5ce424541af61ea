"""The API dies, by force or as it is told: what it acknowledged is there, what it began it finishes."""

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.crash.city import City
from tests.crash.people import NEW_TICKET, Person, check_filed, residents, rung

CLIENTS = 200
BEGUN = 30
GONE_S = 15


@dataclass(frozen=True)
class Killed:
    """200 who filed two tickets each while the API was killed and another took its place."""

    people: list[Person]
    told_again: list[httpx2.Response]
    """What the next API said to the first tickets, sent once more."""


@pytest.fixture(scope="module")
async def killed(town: City) -> Killed:
    await town.mend()
    people = await residents(town, CLIENTS)
    answers = itertools.count(1)
    async with town.working():
        async with town.serving() as first:
            for person in people:
                person.on_told = lambda: first.kill() if next(answers) == CLIENTS // 10 else None
            filing = [asyncio.create_task(person.file_all(town.api, 0, 1)) for person in people]
            await asyncio.to_thread(first.wait)
        async with town.serving():
            await asyncio.gather(*filing)
            again = await asyncio.gather(*(_post(town, person, 0) for person in people))
        await town.until_drained()
    return Killed(people, again)


async def test_what_an_api_acknowledged_before_it_was_killed_is_there_exactly_once(town: City, killed: Killed) -> None:
    assert any(person.refusals for person in killed.people)  # it died in the middle of them
    await check_filed(town, killed.people)


async def test_every_phone_rings_exactly_once_though_the_api_was_killed(town: City, killed: Killed) -> None:
    assert [await rung(town, person) for person in killed.people] == [sorted(person.filed) for person in killed.people]


async def test_the_next_api_knows_the_keys_of_the_one_that_died(killed: Killed) -> None:
    assert [answer.json()["id"] for answer in killed.told_again] == [person.filed[0] for person in killed.people]
    assert {answer.headers.get("idempotency-replayed") for answer in killed.told_again} == {"true"}


@dataclass(frozen=True)
class Ended:
    """What became of an API that was told to stop while `BEGUN` requests were under way."""

    begun: list[tuple[int, dict[str, Any]]]
    late: tuple[int, dict[str, Any]] | None
    """What a request got that came too late; None: no connection."""
    exit_code: int
    people: list[Person]


@pytest.fixture(scope="module")
async def ended(town: City) -> Ended:
    await town.mend()
    people = await residents(town, BEGUN)
    async with town.serving() as process:
        begun = [await Begun.begin(town, person) for person in people]

        async def all_are_begun() -> bool:
            return await town.in_flight() == BEGUN

        await town.until("all are begun", all_are_begun, 10)
        process.send_signal(signal.SIGTERM)
        late = await _refused(town)
        answers = await asyncio.gather(*(one.finish() for one in begun))
        exit_code = await asyncio.to_thread(process.wait, GONE_S)
    return Ended(answers, late, exit_code, people)


async def test_an_api_told_to_stop_finishes_what_it_began(town: City, ended: Ended) -> None:
    assert [status for status, _ in ended.begun] == [201] * BEGUN
    for person, (_, ticket) in zip(ended.people, ended.begun, strict=True):
        person.filed.append(ticket["id"])
    await check_filed(town, ended.people)


def test_an_api_told_to_stop_takes_nothing_new(ended: Ended) -> None:
    assert ended.late is None or (ended.late[0], ended.late[1]["code"]) == (503, "shutting-down")


def test_an_api_told_to_stop_leaves_with_exit_code_0(ended: Ended) -> None:
    assert ended.exit_code == 0


async def test_an_api_told_to_stop_under_load_leaves_no_request_in_doubt(city: City) -> None:
    """Whoever was admitted has an answer: no ticket exists of which its resident does not know."""
    people = await residents(city, 60)
    async with city.serving() as process, _stream(city, people) as tasks:

        async def some_are_told() -> bool:
            return sum(len(person.filed) for person in people) >= len(people)

        await city.until("some are told", some_are_told, 20)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, GONE_S) == 0
        await asyncio.gather(*tasks)
    await check_filed(city, people)


@dataclass(frozen=True)
class Begun:
    """A request whose head and half of whose body are sent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rest: bytes

    @classmethod
    async def begin(cls, city: City, person: Person) -> "Begun":
        where = urlsplit(city.environment["SERVER__PUBLIC_URL"])
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        body = json.dumps(NEW_TICKET).encode()
        lines = [
            "POST /v1/citizen/tickets HTTP/1.1",
            f"Host: {where.netloc}",
            f"Authorization: Bearer {person.token}",
            f"Idempotency-Key: {person.key(0)}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body[:20])
        await writer.drain()
        return cls(reader, writer, body[20:])

    async def finish(self) -> tuple[int, dict[str, Any]]:
        """Send the rest; status and body of the answer, which must be whole."""
        self.writer.write(self.rest)
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), GONE_S)).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = await self.reader.readexactly(length)
        self.writer.close()
        await self.writer.wait_closed()
        return int(head.split()[1]), json.loads(body)


@asynccontextmanager
async def _stream(city: City, people: list[Person]) -> AsyncGenerator[list[asyncio.Task[None]]]:
    """Each files one ticket after the other, each over a connection of its own, until the API takes no more."""
    tasks = [asyncio.create_task(_file_on(city, person)) for person in people]
    yield tasks
    for task in tasks:
        task.cancel()


async def _file_on(city: City, person: Person) -> None:
    for number in range(1000):
        answer = await _or_none(_post(city, person, number))
        if answer is None or answer.status_code == 503:
            return
        person.filed.append(answer.json()["id"])


async def _post(city: City, person: Person, number: int) -> httpx2.Response:
    headers = person.headers | {"Idempotency-Key": person.key(number)}
    return await city.api.post("/v1/citizen/tickets", json=NEW_TICKET, headers=headers)


async def _refused(city: City) -> tuple[int, dict[str, Any]] | None:
    """Ask until refused: the signal is heard a moment after it was sent."""
    seen: list[httpx2.Response | None] = []

    async def refused() -> bool:
        seen.append(await _or_none(city.api.get("/v1/public/categories", headers={"Connection": "close"})))
        return seen[-1] is None or seen[-1].status_code != 200

    await city.until("the new is refused", refused, 5)
    return (seen[-1].status_code, seen[-1].json()) if seen[-1] is not None else None


async def _or_none(asking: Coroutine[Any, Any, httpx2.Response]) -> httpx2.Response | None:
    try:
        return await asking
    except httpx2.TransportError:
        return None
