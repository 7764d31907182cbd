"""map and amap without a client of one's own: for a cell in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from stint_sdk.aio import AsyncClient
from stint_sdk.client import Client

A = TypeVar("A")
R = TypeVar("R")


def map(function: Callable[[A], R], items: Iterable[A], **options: Any) -> list[R]:
    """As Client.map, with the scheduler that the environment or the context file names."""
    with Client() as client:
        return client.map(function, items, **options)


async def amap(function: Callable[[A], R], items: Iterable[A], **options: Any) -> list[R]:
    """As AsyncClient.map, with the scheduler that the environment or the context file names."""
    async with AsyncClient() as client:
        return await client.map(function, items, **options)
