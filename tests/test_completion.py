"""What Tab offers in cells of ours: options, values, names of the notebook; and nothing of Python's."""

from __future__ import annotations

from typing import Any

import pytest

from kimi_magic import options
from kimi_magic.options import completion
from kimi_magic.prompt import FILTERS
from tests.kernel import Kernel

NAMES = ["df", "df2", "data", "_hidden", "x"]


def offered(text: str, **more: Any) -> completion.Offers | None:
    return completion.offers(text, NAMES, **more)


def words(text: str, **more: Any) -> list[str]:
    found = offered(text, **more)
    assert found is not None
    return list(found.words)


@pytest.mark.parametrize(
    "text", ["import os\nos.", "%time x", "%%time\n%%kimi -", "%kimix ", "x = 1", "# %%kimi -", ""]
)
def test_a_cell_that_is_not_ours_is_left_to_python(text: str) -> None:
    assert offered(text) is None


@pytest.mark.parametrize(
    "text", ["%%kimi --", "%kimi --", "# title\n\n%%kimi -s x --", "x = 1\n%kimi --", "y = %kimi --"]
)
def test_every_option_is_offered_behind_two_dashes(text: str) -> None:
    if text.startswith("y ="):
        assert offered(text) is None  # IPython completes assignments itself
        return
    flags = {f for o in options.at(options.CELL) for f in (*o.flags, *o.opposite) if f.startswith("--")}
    assert set(words(text)) == flags
    assert offered(text).is_all
    assert offered(text).fragment == "--"


@pytest.mark.parametrize(
    ("text", "fragment", "found"),
    [
        ("%%kimi --te", "--te", ["--temperature"]),
        ("%%kimi -t 0.5 --no-st", "--no-st", ["--no-stream"]),
        ("%%kimi --effort ", "", ["low", "medium", "high", "max"]),
        ("%%kimi --effort=m", "m", ["medium", "max"]),
        ("%%kimi --reasoning h", "h", ["hidden"]),
        ("%kimi_config --host ev", "ev", ["evolink"]),
        ("%kimi_config --unset mod", "mod", ["model"]),
        ("%kimi_usage --ti", "--ti", ["--timing"]),
        ("%%kimi -o d", "d", ["df", "df2", "data"]),
        ("%%kimi -s 'half a sen", "sen", ["sen"]),
        ("%%kimi -s ", "", []),
        ("%%kimi -t ", "", []),
        ("%%kimi\nWhat is d", "d", ["d"]),
        ("%%kimi\nWhat is ", "", []),
        ("%%kimi\n{{ d", "d", ["data", "df", "df2"]),
        ("%%kimi -s '{{ x", "x", ["x"]),
        ("%%kimi\n{{ len(d", "d", ["data", "df", "df2"]),
        ("%%kimi\n{{ I", "I", ["In"]),
        ("%kimi about {{ df | ta", "ta", []),
        ("%kimi about {{ df | he", "he", ["head"]),
        ("%%kimi\n{{ df }} and d", "d", ["d"]),
    ],
)
def test_what_fits_is_offered_in_place_of_what_was_begun(text: str, fragment: str, found: list[str]) -> None:
    offer = offered(text)
    assert offer is not None
    assert (offer.fragment, list(offer.words)) == (fragment, found)


def test_models_are_those_of_the_host() -> None:
    assert "kimi-k2-thinking" in words("%%kimi -m ", host="evolink")
    assert "kimi-k3.1-pro" in words("%%kimi --model kimi-k3", host="moonshot")
    assert "kimi-k2-thinking" not in words("%%kimi --model ", host="moonshot")  # it was retired there


def test_variables_are_offered_beside_files_where_both_may_stand() -> None:
    assert words("%%kimi -a d") == ["df", "df2", "data"]
    assert not offered("%%kimi -a d").is_all


def test_filters_and_attributes_are_offered_in_braces() -> None:
    assert words("%%kimi\n{{ df | ") == sorted(FILTERS)
    assert words("%%kimi\n{{ df.h", attributes=lambda text: [f"{text}ead"]) == ["df.head"]


def test_no_private_name_is_offered() -> None:
    assert "_hidden" not in words("%%kimi\n{{ ")


# ---- in a kernel ----


def completed(kernel: Kernel, text: str) -> dict[str, Any]:
    return kernel.shell_reply(kernel.client.complete(text, len(text)))


def test_the_kernel_offers_what_fits_and_nothing_of_pythons(offline_kernel: Kernel) -> None:
    offline_kernel.run("frame_of_mine = 1")
    reply = completed(offline_kernel, "%%kimi --")
    assert all(match.startswith("--") for match in reply["matches"])
    assert "--dry-run" in reply["matches"]
    reply = completed(offline_kernel, "%%kimi --temp")
    assert reply["matches"] == ["--temperature"]
    assert "%%kimi --temp"[reply["cursor_start"] : reply["cursor_end"]] == "--temp"
    assert completed(offline_kernel, "%%kimi -m ")["matches"][0].startswith("kimi-")
    text = "%%kimi\nExplain {{ frame_of"
    reply = completed(offline_kernel, text)
    assert reply["matches"] == ["frame_of_mine"]
    assert text[reply["cursor_start"] : reply["cursor_end"]] == "frame_of"
    assert completed(offline_kernel, "%%kimi\nWhat is pri")["matches"] == ["pri"]
    assert "print" in completed(offline_kernel, "pri")["matches"]


def test_attributes_in_braces_are_those_of_the_value(offline_kernel: Kernel) -> None:
    offline_kernel.run("text_of_mine = 'abc'")
    assert completed(offline_kernel, "%%kimi\n{{ text_of_mine.upp")["matches"] == ["text_of_mine.upper"]


def test_it_ends_with_the_extension(offline_kernel: Kernel) -> None:
    offline_kernel.run("%unload_ext kimi_magic")
    assert offline_kernel.value("len(get_ipython().Completer.custom_matchers)") == 0
    offline_kernel.run("%load_ext kimi_magic")
    assert offline_kernel.value("len(get_ipython().Completer.custom_matchers)") == 1
    offline_kernel.run("%reload_ext kimi_magic")
    assert offline_kernel.value("len(get_ipython().Completer.custom_matchers)") == 1


# ---- help ----


@pytest.mark.parametrize(
    "code", ["%%kimi --help", "%%kimi -h", "%kimi --help", "%kimi_config -h", "%kimi_usage --help"]
)
def test_help_alone_in_a_cell_shows_groups_and_two_examples(offline_kernel: Kernel, code: str) -> None:
    shown = offline_kernel.run(code).printed
    examples = shown[shown.index("Examples:") :]
    assert examples.count("%kimi") >= 2
    if "usage" not in code:
        assert "\nConversation:\n" in shown
        assert "\nModel and sampling:\n" in shown
