"""Carries flows out with blocking calls."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any, TypeVar

import httpx

from stint_sdk._flow import TOGETHER, Answer, Command, Emit, Flow, NextLine, OpenStream, Request, Sleep, Together, Work
from stint_sdk._http import LIMITS, Address, LineSplitter, arguments_of, make_answer, stream_timeout, timeout_of
from stint_sdk._settings import Settings

T = TypeVar("T")


class Stream:
    """The one stream of a flow."""

    def __init__(self) -> None:
        self.request: Request | None = None
        self.response: httpx.Response | None = None
        self.pieces: Iterator[bytes] = iter(())
        self.splitter, self.lines = LineSplitter(), deque[str]()

    def start(self, request: Request, response: httpx.Response) -> None:
        self.request, self.response = request, response
        self.pieces = response.iter_raw()
        self.splitter, self.lines = LineSplitter(), deque()

    def next_line(self) -> str | None:
        while not self.lines:
            piece = next(self.pieces, None)
            if piece is None:
                return None
            self.lines.extend(self.splitter.feed(piece))
        return self.lines.popleft()

    def close(self) -> None:
        if self.response is not None:
            self.response.close()
            self.response = None


class Runner:
    """Thread: any number may use it at once."""

    def __init__(self, settings: Settings, timeout_s: float) -> None:
        self.address = Address(settings)
        self.timeout = timeout_of(timeout_s)
        # No proxy: the scheduler is spoken to as the command line does it.
        self.http = httpx.Client(trust_env=False, limits=LIMITS, verify=self.address.tls)

    def close(self) -> None:
        self.http.close()

    def run(self, flow: Flow[T]) -> T:
        """The flow's result. What it emits is dropped."""
        steps = self.steps(flow)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                value: T = stop.value
                return value

    def iterate(self, flow: Flow[Any]) -> Iterator[Any]:
        """What the flow emits, each when it is asked for."""
        yield from self.steps(flow)

    def steps(self, flow: Flow[T]) -> Generator[Any, Any, T]:
        stream = Stream()
        try:
            command = next(flow)
            while True:
                try:
                    if isinstance(command, Emit):
                        outcome = yield command.value
                    else:
                        outcome = self.perform(command, stream)
                except GeneratorExit:
                    flow.close()
                    raise
                except BaseException as error:  # an interrupt too: a flow may have something to end
                    command = flow.throw(error)
                else:
                    command = flow.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            stream.close()

    def perform(self, command: Command, stream: Stream) -> Any:
        if isinstance(command, Request):
            return self.ask(command)
        if isinstance(command, OpenStream):
            return self.open(command, stream)
        if isinstance(command, NextLine):
            return self.next_line(stream)
        if isinstance(command, Sleep):
            time.sleep(command.seconds)
            return None
        if isinstance(command, Work):
            return command.function()
        if isinstance(command, Together):
            return self.run_together(command)
        raise AssertionError(command)

    def ask(self, request: Request) -> Answer:
        arguments = arguments_of(request, self.address.find(), self.timeout)
        try:
            response = self.http.request(**arguments)
        except httpx.TransportError as error:
            raise self.address.fail(request, error) from error
        return make_answer(response.status_code, response.content, response.headers)

    def open(self, command: OpenStream, stream: Stream) -> Answer:
        stream.close()
        arguments = arguments_of(command.request, self.address.find(), stream_timeout(command))
        try:
            response = self.http.send(self.http.build_request(**arguments), stream=True)
            with contextlib.ExitStack() as on_failure:
                on_failure.callback(response.close)
                if response.status_code >= 400:
                    return make_answer(response.status_code, response.read(), response.headers)
                on_failure.pop_all()
        except httpx.TransportError as error:
            raise self.address.fail(command.request, error) from error
        stream.start(command.request, response)
        return make_answer(response.status_code, b"", response.headers)

    def next_line(self, stream: Stream) -> str | None:
        assert stream.request is not None, "NextLine before OpenStream"
        try:
            return stream.next_line()
        except httpx.TransportError as error:
            raise self.address.fail(stream.request, error) from error

    def run_together(self, command: Together) -> list[Any]:
        if len(command.flows) < 2:
            return [self.run(flow) for flow in command.flows]
        with ThreadPoolExecutor(TOGETHER, thread_name_prefix="stint-sdk") as pool:
            futures = [pool.submit(self.run, flow) for flow in command.flows]
            try:
                wait_for(futures, return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        failures = [future.exception() for future in futures if not future.cancelled()]
        for failure in failures:
            if failure is not None:
                raise failure
        return [future.result() for future in futures]
