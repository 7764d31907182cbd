"""Carries flows out by awaiting: the same steps as in _blocking.py, without a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

import httpx

from stint_sdk._flow import TOGETHER, Answer, Command, Emit, Flow, NextLine, OpenStream, Request, Sleep, Together, Work
from stint_sdk._http import LIMITS, Address, LineSplitter, arguments_of, make_answer, stream_timeout, timeout_of
from stint_sdk._settings import Settings

T = TypeVar("T")


async def no_pieces() -> AsyncGenerator[bytes, None]:
    return
    yield b""


class Stream:
    """The one stream of a flow."""

    def __init__(self) -> None:
        self.request: Request | None = None
        self.response: httpx.Response | None = None
        self.pieces: AsyncIterator[bytes] = no_pieces()
        self.splitter, self.lines = LineSplitter(), deque[str]()

    def start(self, request: Request, response: httpx.Response) -> None:
        self.request, self.response = request, response
        self.pieces = response.aiter_raw()
        self.splitter, self.lines = LineSplitter(), deque()

    async def next_line(self) -> str | None:
        while not self.lines:
            try:
                piece = await self.pieces.__anext__()
            except StopAsyncIteration:
                return None
            self.lines.extend(self.splitter.feed(piece))
        return self.lines.popleft()

    async def close(self) -> None:
        if self.response is not None:
            response, self.response = self.response, None
            await response.aclose()


class AsyncRunner:
    """Belongs to the event loop in which it is first used."""

    def __init__(self, settings: Settings, timeout_s: float) -> None:
        self.address = Address(settings)
        self.timeout = timeout_of(timeout_s)
        self.http = httpx.AsyncClient(trust_env=False, limits=LIMITS, verify=self.address.tls)

    async def close(self) -> None:
        await self.http.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result. What it emits is dropped."""
        stream = Stream()
        try:
            command = next(flow)
            while True:
                try:
                    outcome = None if isinstance(command, Emit) else await self.perform(command, stream)
                except BaseException as error:  # a cancellation too: a flow may have something to end
                    command = flow.throw(error)
                else:
                    command = flow.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            await stream.close()

    async def iterate(self, flow: Flow[Any]) -> AsyncGenerator[Any, None]:
        """What the flow emits, each when it is asked for."""
        stream = Stream()
        command: Command | None = begin(flow)
        try:
            while command is not None:
                try:
                    if isinstance(command, Emit):
                        outcome = yield command.value
                    else:
                        outcome = await self.perform(command, stream)
                except GeneratorExit:
                    flow.close()
                    raise
                except BaseException as error:
                    command = go_on(flow, error)
                else:
                    command = begin(flow, outcome)
        finally:
            await stream.close()

    async def perform(self, command: Command, stream: Stream) -> Any:
        if isinstance(command, Request):
            return await self.ask(command)
        if isinstance(command, OpenStream):
            return await self.open(command, stream)
        if isinstance(command, NextLine):
            return await self.next_line(stream)
        if isinstance(command, Sleep):
            return await asyncio.sleep(command.seconds)
        if isinstance(command, Work):
            return await asyncio.to_thread(command.function)
        if isinstance(command, Together):
            return await self.run_together(command)
        raise AssertionError(command)

    async def ask(self, request: Request) -> Answer:
        arguments = arguments_of(request, self.address.find(), self.timeout)
        try:
            response = await self.http.request(**arguments)
        except httpx.TransportError as error:
            raise self.address.fail(request, error) from error
        return make_answer(response.status_code, response.content, response.headers)

    async def open(self, command: OpenStream, stream: Stream) -> Answer:
        await stream.close()
        arguments = arguments_of(command.request, self.address.find(), stream_timeout(command))
        try:
            response = await self.http.send(self.http.build_request(**arguments), stream=True)
            async with contextlib.AsyncExitStack() as on_failure:
                on_failure.push_async_callback(response.aclose)
                if response.status_code >= 400:
                    return make_answer(response.status_code, await response.aread(), response.headers)
                on_failure.pop_all()
        except httpx.TransportError as error:
            raise self.address.fail(command.request, error) from error
        stream.start(command.request, response)
        return make_answer(response.status_code, b"", response.headers)

    async def next_line(self, stream: Stream) -> str | None:
        assert stream.request is not None, "NextLine before OpenStream"
        try:
            return await stream.next_line()
        except httpx.TransportError as error:
            raise self.address.fail(stream.request, error) from error

    async def run_together(self, command: Together) -> list[Any]:
        turns = asyncio.Semaphore(TOGETHER)

        async def run_in_turn(flow: Flow[Any]) -> Any:
            async with turns:
                return await self.run(flow)

        tasks = [asyncio.ensure_future(run_in_turn(flow)) for flow in command.flows]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def begin(flow: Flow[Any], outcome: Any = None) -> Command | None:
    """The flow's next command; None when it has ended. A coroutine must not see StopIteration."""
    try:
        return flow.send(outcome)
    except StopIteration:
        return None


def go_on(flow: Flow[Any], error: BaseException) -> Command | None:
    try:
        return flow.throw(error)
    except StopIteration:
        return None
