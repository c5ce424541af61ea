"""Coalescing of hot statements: what arrives while one statement runs goes into the next. No timer, so an idle house waits
for one round trip only."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Batch(Generic[In, Out]):
    """Calls `run` with what has gathered, `lanes` statements at a time, and gives each caller its own answer.

    `run` returns one answer for each item, in order; an answer that is an exception is raised to its caller alone. If
    `run` itself raises for several items, each is tried alone, so that one that fails never fails its neighbours.
    """

    def __init__(
        self, run: Callable[[Sequence[In]], Awaitable[Sequence[Out | Exception]]], *, most: int = 128, lanes: int = 1
    ) -> None:
        self._run = run
        self._most = most
        self._lanes = lanes
        self._waiting: deque[tuple[In, asyncio.Future[Out]]] = deque()
        self._busy = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, item: In) -> Out:
        answer: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._busy < self._lanes:
            self._busy += 1
            lane = asyncio.create_task(self._drain())
            self._tasks.add(lane)
            lane.add_done_callback(self._tasks.discard)
        return await answer

    async def _drain(self) -> None:
        """A lane is free in the very step in which it finds nothing waiting: what comes after that opens the next.

        A callback of the task would free it some steps later, and what came in between would wait for a caller to come.
        """
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                await self._settle(taken)
        finally:
            self._busy -= 1

    async def _settle(self, taken: list[tuple[In, "asyncio.Future[Out]"]]) -> None:
        try:
            answers = await self._run([item for item, _ in taken])
        except Exception as wrong:
            if len(taken) == 1:
                _answer(taken[0][1], wrong)
                return
            for one in taken:
                await self._settle([one])
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            _answer(future, answer)


def _answer(future: "asyncio.Future[Out]", answer: Out | Exception) -> None:
    if future.done():
        return  # the caller went away
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
