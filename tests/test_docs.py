"""The API reference: what is public has a docstring that names each parameter, and pdoc makes pages of it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kimi_magic
from kimi_magic import errors

PUBLIC = [*kimi_magic.__all__, "map"]  # left out of `import *`, which would hide Python's own


def functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """The public functions, and the public methods of the public classes, by name."""
    for name in PUBLIC:
        value = getattr(kimi_magic, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for attribute, method in vars(value).items():
                plain = method.__func__ if isinstance(method, classmethod | staticmethod) else method
                if inspect.isfunction(plain) and not attribute.startswith("_"):
                    yield f"{name}.{attribute}", plain


FUNCTIONS = dict(functions())


def undocumented(function: Callable[..., object]) -> list[str]:
    """The parameters that the docstring names neither in a list (`name: …`) nor in backticks."""
    text = inspect.getdoc(function) or ""
    if delegate := re.search(r"The\s+parameters\s+are\s+those\s+of\s+`(\w+)`", text):
        return undocumented(FUNCTIONS[delegate[1]])
    names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    return [
        name for name in names if not re.search(rf"^ *(?:\w+, )*\**{name}(?:, \w+)*:|`\**{name}`", text, re.M)
    ]


def test_what_is_public_has_a_docstring():
    for name in PUBLIC:
        value = getattr(kimi_magic, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, name
    assert {"ask", "aask", "map", "Reply.query"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_documents_each_parameter(name: str):
    assert FUNCTIONS[name].__doc__, name
    assert undocumented(FUNCTIONS[name]) == []


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "." not in name])
def test_a_public_function_that_raises_says_what(name: str):
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    named = re.findall(r"\bKimi\w+", text)
    assert all(hasattr(errors, each) for each in named)
    if re.search(r"^\s*raise Kimi", inspect.getsource(FUNCTIONS[name]), re.M):
        assert "Raises:" in text


def test_pdoc_writes_the_reference(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "pdoc", "kimi_magic", "kimi_magic.api", "-o", str(tmp_path)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "kimi_magic.html").read_text(encoding="utf-8")
    for name in kimi_magic.__all__:
        if not name.startswith("_"):
            assert f'id="{name}"' in page, name
    assert 'id="map"' in (tmp_path / "kimi_magic" / "api.html").read_text(encoding="utf-8")
