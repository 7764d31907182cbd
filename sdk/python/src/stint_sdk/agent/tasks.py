"""The functions that an agent runs: what `@task` marks, and how an attempt's arguments and item become those of a call.

A job names a function and gives its arguments as KEY=VALUE; nothing that is not marked can be called. Values are text on the wire; a
parameter's annotation says what they become: `str`, or none, text as it is; `int`, `float`, `bool`; anything else is parsed as JSON.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stint_sdk.errors import InvalidArgument

AGENT_TYPES = ("trainer", "inferencer", "crawler", "labeller", "rater")
TRUTH = {"true": True, "1": True, "false": False, "0": False}
ITEM, ITEMS = "item", "items"  # parameters that get the attempt's item, or its batch of items

Marked = TypeVar("Marked", bound=Callable[..., Any])  # a function or a class


@dataclass
class TaskFunction:
    """A function, or a class whose instances are called; and what is kept warm for it."""

    name: str
    function: Callable[..., Any]
    type: str | None
    setup: Callable[[], Any] | None
    _warm: list[Any] = field(default_factory=list)
    _contexts: list[AbstractContextManager[Any]] = field(default_factory=list)

    def warm_up(self) -> None:
        """Once for a process. A context manager is entered, and left when the process ends."""
        if self._warm:
            return
        if inspect.isclass(self.function):
            self._warm.append(self._entered(self.function()))
        elif self.setup is not None:
            self._warm.append(self._entered(self.setup()))

    def cool_down(self) -> None:
        while self._contexts:
            self._contexts.pop().__exit__(None, None, None)
        self._warm.clear()

    def call(self, arguments: Mapping[str, Any]) -> Any:
        if inspect.isclass(self.function):
            return self._warm[0](**arguments)
        return self.function(*self._warm, **arguments)

    def bind(self, words: Sequence[str], item: str | None, items: Sequence[str] | None) -> dict[str, Any]:
        """`words` are KEY=VALUE. Errors: InvalidArgument."""
        parameters = self.parameters()
        given: dict[str, Any] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals or not name.isidentifier():
                raise InvalidArgument(f"{self.name}: arguments are KEY=VALUE, got {word!r}")
            if name not in parameters:
                raise InvalidArgument(f"{self.name}: has no parameter {name!r}; it has: {', '.join(parameters) or 'none'}")
            given[name] = convert(value, parameters[name].annotation, f"{self.name}: {name}")
        if ITEM in parameters and item is not None:
            given[ITEM] = convert(item, parameters[ITEM].annotation, f"{self.name}: {ITEM}")
        if ITEMS in parameters and items is not None:
            (kind,) = typing.get_args(parameters[ITEMS].annotation)[:1] or (str,)
            given[ITEMS] = [convert(one, kind, f"{self.name}: {ITEMS}[{at}]") for at, one in enumerate(items)]
        missing = [name for name, one in parameters.items() if one.default is one.empty and name not in given]
        if missing:
            raise InvalidArgument(f"{self.name}: no value for {', '.join(missing)}")
        return given

    def parameters(self) -> dict[str, inspect.Parameter]:
        """Those that a job may set: all by name, but what holds the warm object."""
        target = self.function.__call__ if inspect.isclass(self.function) else self.function
        hints = typing.get_type_hints(target)
        found = list(inspect.signature(target).parameters.values())
        if inspect.isclass(self.function) or self.setup is not None:
            found = found[1:]
        by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return {one.name: one.replace(annotation=hints.get(one.name, one.empty)) for one in found if one.kind in by_name}

    def _entered(self, made: Any) -> Any:
        if not hasattr(type(made), "__enter__"):
            return made
        self._contexts.append(made)
        return made.__enter__()


registry: dict[str, TaskFunction] = {}


@typing.overload
def task(function: Marked, /) -> Marked: ...
@typing.overload
def task(*, type: str | None = None, name: str | None = None, setup: Callable[[], Any] | None = None) -> Callable[[Marked], Marked]: ...
def task(
    function: Marked | None = None, /, *, type: str | None = None, name: str | None = None, setup: Callable[[], Any] | None = None
) -> Marked | Callable[[Marked], Marked]:
    """Marks a function, or a class with __call__, as one that jobs with `driver: python` may name.

    type: of the jobs that it is for; the agent offers the types of all its functions. name: the function's own, if left out.
    setup: called once in each worker process; what it returns (a model) is the function's first argument, and stays between tasks. A
    context manager is entered, and left when the process ends. A class is made once, and entered likewise.

        @task(type="inferencer", setup=load_model)
        def classify(model, item: dict, threshold: float = 0.5): ...

    Errors: InvalidArgument.
    """

    def mark(marked: Marked) -> Marked:
        known_as: str = name or marked.__name__
        if type is not None and type not in AGENT_TYPES:
            raise InvalidArgument(f"@task(type={type!r}): expected one of {', '.join(AGENT_TYPES)}")
        if inspect.isclass(marked) and setup is not None:
            raise InvalidArgument(f"@task {known_as}: a class sets itself up, in __init__ or __enter__; leave setup out")
        known = registry.get(known_as)
        if known is not None and getattr(known.function, "__qualname__", "") != getattr(marked, "__qualname__", ""):
            raise InvalidArgument(f"@task: two functions are named {known_as!r}; give one of them @task(name=…)")
        registry[known_as] = TaskFunction(known_as, marked, type, setup)
        return marked

    return mark(function) if function is not None else mark


def convert(text: str, annotation: Any, what: str) -> Any:
    """Errors: InvalidArgument."""
    if annotation in (str, inspect.Parameter.empty):
        return text
    try:
        if annotation is bool:
            return TRUTH[text.lower()]
        if annotation in (int, float):
            return annotation(text)
        return json.loads(text)
    except (KeyError, ValueError):
        wanted = annotation.__name__ if annotation in (int, float, bool) else "JSON"
        raise InvalidArgument(f"{what}: expected {wanted}, got {text[:100]!r}") from None
