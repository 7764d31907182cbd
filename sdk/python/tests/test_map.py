"""map() over a real cell."""

from __future__ import annotations

import asyncio
import os
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Cell, eventually

import stint_sdk
from stint_sdk import AsyncClient, Client, InvalidArgument, PythonMismatch, RemoteError, _map

SMALL = {"cpu": "100m"}


class TooNegative(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"{number} is too negative")
        self.number = number


def square(number: int) -> int:
    if number < 0:
        raise TooNegative(number)
    return number * number


def test_two_hundred_items_in_order(client: Client) -> None:
    told: list[tuple[int, int]] = []
    results = client.map(square, range(200), batch=5, resources=SMALL, progress=lambda done, total: told.append((done, total)))
    assert results == [number * number for number in range(200)]
    assert told[-1] == (200, 200)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_the_function_raises_is_raised_here(client: Client) -> None:
    with pytest.raises(TooNegative) as caught:
        client.map(square, [1, -2, 3], resources=SMALL, name="fails")
    assert caught.value.number == -2
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteError)
    assert "in square" in cause.traceback and "raise TooNegative(number)" not in cause.task
    assert next(iter(client.jobs(name="fails"))).state == "failed"


def test_exceptions_among_results(client: Client) -> None:
    first, second, third = client.map(square, [1, -2, 3], resources=SMALL, return_exceptions=True)
    assert (first, third) == (1, 9)
    assert isinstance(second, TooNegative)


def test_an_exception_that_cannot_travel_is_told(client: Client) -> None:
    def fail(_: int) -> None:
        raise ValueError("with a lock", __import__("threading").Lock())

    with pytest.raises(RemoteError, match="with a lock"):
        client.map(fail, [1], resources=SMALL)


def test_retries_are_for_the_function_too(client: Client, tmp_path: Path) -> None:
    marker = str(tmp_path / "tried")

    def fail_once(number: int) -> int:
        import pathlib

        if not pathlib.Path(marker).exists():
            pathlib.Path(marker).touch()
            raise OSError("not yet")
        return number

    assert client.map(fail_once, [7], retries=1, resources=SMALL) == [7]


def test_large_items_and_large_results(client: Client) -> None:
    assert client.map(len, [b"x" * 200_000, b"y"], resources=SMALL) == [200_000, 1]
    assert client.map(lambda size: b"z" * size, [300_000, 3], resources=SMALL) == [b"z" * 300_000, b"z" * 3]


def test_the_edges(client: Client) -> None:
    assert client.map(square, []) == []
    assert client.map(square, iter([3]), batch=10, resources=SMALL) == [9]
    with pytest.raises(InvalidArgument, match="batch"):
        client.map(square, [1], batch=0)


def test_a_task_that_dies_is_told_with_what_it_said(client: Client) -> None:
    def die(_: int) -> None:
        os.write(2, b"last words\n")
        os._exit(7)

    with pytest.raises(RemoteError, match="last words"):
        client.map(die, [1], resources=SMALL)


def test_another_python_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(_map, "sys", SimpleNamespace(version_info=(3, 99), modules=sys.modules))
    with pytest.raises(PythonMismatch, match=r"was pickled by Python 3\.99.*python="):
        client.map(square, [1], resources=SMALL)


def test_a_missing_module_is_named(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    package.mkdir()
    (package / "only_here.py").write_text("def double(n):\n    return 2 * n\n")
    monkeypatch.syspath_prepend(str(package))
    import only_here  # type: ignore[import-not-found]

    with pytest.raises(ModuleNotFoundError, match="only_here") as caught:
        client.map(lambda number: only_here.double(number), [1], resources=SMALL)
    assert "requirements=" in str(caught.value.__cause__)


def make_wheel(folder: Path) -> Path:
    """The smallest package that pip installs."""
    wheel = folder / "stint_test_pkg-1.0-py3-none-any.whl"
    info = "stint_test_pkg-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("stint_test_pkg.py", "def triple(n):\n    return 3 * n\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: stint-test-pkg\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_requirements_are_installed_once_on_the_agent(client: Client, tmp_path: Path) -> None:
    def triple(number: int) -> Any:
        import stint_test_pkg  # type: ignore[import-not-found]

        return stint_test_pkg.triple(number), stint_test_pkg.__file__

    results = client.map(triple, [1, 2, 3], requirements=[str(make_wheel(tmp_path))], resources=SMALL)
    assert [number for number, _ in results] == [3, 6, 9]
    assert len({file for _, file in results}) == 1
    with pytest.raises(RuntimeError, match="pip install"):
        client.map(triple, [1], requirements=[str(tmp_path / "no-such.whl")], resources=SMALL)


def test_a_cancelled_map_cancels_its_job(cell: Cell) -> None:
    async def start_and_cancel() -> None:
        async with AsyncClient(state_dir=cell.state) as client:
            running = asyncio.ensure_future(client.map(time.sleep, [600.0], name="cancelled", resources=SMALL))
            while not [job async for job in client.jobs(name="cancelled", state="running")]:
                await asyncio.sleep(0.1)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(asyncio.wait_for(start_and_cancel(), 60))
    with cell.client() as client:
        job = next(iter(client.jobs(name="cancelled")))
        eventually("cancelled", lambda: job.refresh()["state"] == "cancelled")


def test_an_interrupt_cancels_the_job(client: Client) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.map(time.sleep, [0, 600], name="interrupted", resources=SMALL, progress=interrupt)
    job = next(iter(client.jobs(name="interrupted")))
    eventually("cancelled", lambda: job.refresh()["state"] == "cancelled")


def test_in_a_running_event_loop(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose cells run inside a loop: blocking calls work, and so does await; both without a client of one's own."""
    monkeypatch.setenv("STINT_STATE_DIR", str(cell.state))
    for name in ("STINT_SERVER", "STINT_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    async def notebook() -> None:
        assert stint_sdk.map(square, [1, 2], resources=SMALL) == [1, 4]
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        assert await stint_sdk.amap(square, [3, 4], resources=SMALL) == [9, 16]
        ticking.cancel()
        assert ticks > 3  # the loop was free meanwhile

    asyncio.run(notebook())


def test_everything_can_be_awaited(cell: Cell, tmp_path: Path) -> None:
    async def use() -> None:
        async with AsyncClient(state_dir=cell.state) as client:
            program = "echo hello; echo x > $STINT_OUTPUTS/x; echo '{\"result\":1}' >> $STINT_REPORT"
            job = await client.submit(stint_sdk.Job("async", [stint_sdk.Task(run=program, outputs="x", resources=SMALL)]))
            kinds = [event["kind"] async for event in job.follow()]
            assert kinds[-1] == "job_ended"
            assert (await job.wait(60))["state"] == "completed"
            assert await job.task().log_text() == "hello\n"
            assert await job.results() == {f"{job.id}.main": 1}
            assert [path.name for path in await job.download(tmp_path)] == ["x"]
            assert [task.state async for task in job.tasks()] == ["completed"]
            assert await client.read_blob(await client.upload(b"bytes")) == b"bytes"
            assert await asyncio.gather(*(client.map(square, [n], resources=SMALL) for n in (5, 6))) == [[25], [36]]

    asyncio.run(asyncio.wait_for(use(), 120))
