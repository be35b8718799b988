"""Threads that do what takes time, so that the event loop is free; those who have gone are not worked for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from starlette.requests import ClientDisconnect, Request

from slidemill.web.refusals import RefusedError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Workers:
    """A few threads, and a queue before them; for one event loop.

    Args:
        threads: that work.
        waiting: requests that may wait for one.
    """

    def __init__(self, threads: int, waiting: int = 1024) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="viewing")
        self._slots = asyncio.Semaphore(threads)
        self._places = waiting
        self._waiting = 0

    async def run(self, request: Request, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Have a thread do it.

        Raises:
            RefusedError: too many wait.
            ClientDisconnect: the client has gone before its turn: a browser that was moved on.
        """
        if self._slots.locked():
            await self._wait(request)
        else:
            await self._slots.acquire()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._slots.release()

    async def _wait(self, request: Request) -> None:
        if self._waiting >= self._places:
            raise RefusedError(503, "too many requests wait; come again in 1 s", retry_after=1)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        if await request.is_disconnected():
            self._slots.release()
            raise ClientDisconnect

    def close(self) -> None:
        """End the threads when they have done what they do."""
        self._pool.shutdown(wait=False, cancel_futures=True)
