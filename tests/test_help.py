"""Help where one looks for it: "?" behind a magic, docstrings of public names, the layers of the package."""

from __future__ import annotations

import inspect
import re

import pytest

import kimi_magic
from kimi_magic import options
from tests.clean import ROOT
from tests.kernel import Kernel
from tests.test_architecture import LAYERS

ANSI = re.compile(r"\x1b\[[\d;]*m")
ENTRIES = {
    "%%kimi": options.CELL,
    "%kimi": options.CELL,
    "%kimi_config": options.CONFIG,
    "%kimi_usage": options.USAGE,
}
CLASSES = [name for name in kimi_magic.__all__ if inspect.isclass(getattr(kimi_magic, name))]


def looked_up(kernel: Kernel, text: str) -> str:
    """What a front end shows in a tooltip (Shift-Tab) for `text`."""
    request = kernel.client.inspect(text)
    reply = kernel.shell_reply(request)
    assert reply["found"], text
    return ANSI.sub("", reply["data"]["text/plain"])


def paged(kernel: Kernel, text: str) -> str:
    """What a front end shows after running a cell of `text`."""
    (page,) = kernel.run(text).reply["payload"]
    return ANSI.sub("", page["data"]["text/plain"])


@pytest.mark.parametrize("magic", ENTRIES)
def test_a_magic_shows_its_whole_help_behind_a_question_mark_and_in_a_tooltip(
    magic: str, offline_kernel: Kernel
):
    for shown in (looked_up(offline_kernel, magic), paged(offline_kernel, f"{magic}?")):
        for option in options.at(ENTRIES[magic]):
            flags = f"{', '.join((*option.flags, *option.opposite))} "
            (line,) = [line for line in shown.splitlines() if f"{line.lstrip()} ".startswith(flags)]
            assert option.help in line
        assert "Usage: " in shown


@pytest.mark.parametrize("name", [name for name in kimi_magic.__all__ if name != "last"])
def test_a_public_name_says_more_than_its_name(name: str):
    thing = getattr(kimi_magic, name)
    said = vars(thing)["__doc__"] if inspect.isclass(thing) else thing.__doc__  # not that of its base
    first = said.partition("\n")[0]
    assert first[-1] in ".:;", f"{name}: the first line is no sentence: {first}"
    words = set(re.findall(r"\w+", said.lower())) - set(re.findall(r"[A-Z]?[a-z]+", name.lower()))
    assert len(words) >= 6, f"{name}: {said}"


def test_the_last_reply_is_explained_where_it_is_looked_for():
    assert "`last` is the last reply" in kimi_magic.__getattr__.__doc__


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_member_of_a_public_class_is_explained(name: str):
    """A method by its docstring; a field by its name in that of the class, or beside it."""
    thing = getattr(kimi_magic, name)
    source = inspect.getsource(thing)
    silent = []
    for member, value in vars(thing).items():
        if member.startswith("_"):
            continue
        said = getattr(value, "__doc__", None)
        if inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod):
            explained = bool(said)
        else:
            explained = f"`{member}`" in thing.__doc__ or re.search(
                rf"^ +{member}\b[^\n]*#", source, re.MULTILINE
            )
        if not explained:
            silent.append(member)
    assert silent == [], f"{name}: nothing says what {silent} are"


def test_asking_explains_what_the_help_of_the_magic_does_not():
    signature = inspect.signature(kimi_magic.ask)
    assert signature.return_annotation is not inspect.Signature.empty
    explained = inspect.getdoc(kimi_magic.ask)  # of which Python 3.13 drops the indentation
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter
        assert f"    {parameter.name}: " in explained, parameter


def test_every_column_of_the_usage_records_is_explained():
    kimi_magic.ask("Are you there?", offline=True, max_tokens=5)
    for column in kimi_magic.usage_records()[-1]:
        assert f"`{column}`" in kimi_magic.usage_records.__doc__, column


def test_the_plan_for_contributors_has_every_layer_and_every_module():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| ((?:`\w+` ?)+)\|", text, re.MULTILINE)
    assert {layer: re.findall(r"`(\w+)`", names) for layer, names in rows} == LAYERS


def test_the_changelog_keeps_the_form_that_it_names():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    for head in heads[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head), head
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds
