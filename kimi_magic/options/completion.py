"""What Tab offers in a cell of ours: options, their values, and in `{{ }}` what the notebook has.

Pure work on the text before the cursor; `extension` hangs it into IPython.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kimi_magic import models
from kimi_magic.options.table import CELL, CONFIG, USAGE, Option, at
from kimi_magic.options.words import each_word
from kimi_magic.prompt import FILTERS

ENTRIES = {"kimi": CELL, "kimi_fix": CELL, "kimi_config": CONFIG, "kimi_usage": USAGE}
EXTRAS = ("In", "Out", "Err")
_MAGIC = re.compile(r"\s*(%%?)(kimi\w*)(?=\s|$)")
_OPEN_HOLE = re.compile(r"(?<!\{)\{\{(?!\{)((?:(?!\}\}|\{\{).)*)\Z")
_NAME = re.compile(r"[^\W\d]\w*(?:\.\w*)*\Z|\Z")
_WORD = re.compile(r"[^\W\d][\w.]*\Z")
_FILTER = re.compile(r".*\S\s*\|\s*(\w*)\Z")


class Offers(NamedTuple):
    """What may stand in place of `fragment`, the text right before the cursor.

    `is_all` says that nothing else can stand there, no name of Python's and no file.
    """

    fragment: str
    words: tuple[str, ...]
    is_all: bool = True


def offers(
    text: str,
    names: Iterable[str],
    *,
    attributes: Callable[[str], Iterable[str]] = lambda _: (),
    host: str = "",
    chats: Iterable[str] = (),
) -> Offers | None:
    """What Tab offers behind `text`, a cell up to the cursor; None where the cell is not ours.

    `names` are those of the notebook, `attributes` gives the completions of `value.attr`, whole; `host` is
    the provider that is asked, whose models are offered, and `chats` are names of conversations.
    """
    lines = text.split("\n")
    number, found = _own_line(lines)
    if found is None:
        return None
    line = lines[-1]
    names = [name for name in names if not name.startswith("_")]
    if (hole := _OPEN_HOLE.search(line)) is not None:
        return _in_hole(hole[1], names, attributes)
    is_body = number < len(lines) - 1
    if is_body or (entry := ENTRIES.get(found[2])) is None:
        return _nothing(line) if is_body and found[1] == "%%" else None
    return _on_line(line[found.end() :], at(entry), names, host, tuple(chats))


def _nothing(line: str) -> Offers:
    """Text is being written: the word stays as it is, else IPython would offer names of Python's."""
    word = _WORD.search(line)
    return Offers(word[0], (word[0],)) if word else Offers("", ())


def _own_line(lines: Sequence[str]) -> tuple[int, re.Match[str] | None]:
    """The line with our magic that the cursor belongs to: the cell's, else the cursor's own."""
    for number, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith("#"):
            if (found := _MAGIC.match(line)) is not None and found[1] == "%%":
                return number, found
            break
    found = _MAGIC.match(re.sub(r"^\s*[\w, ]+=\s*(?=%)", "", lines[-1]))
    is_line = found is not None and found[1] == "%" and lines[-1].lstrip().startswith("%")
    return len(lines) - 1, found if is_line else None


def _in_hole(code: str, names: Iterable[str], attributes: Callable[[str], Iterable[str]]) -> Offers:
    if (filtered := _FILTER.match(code)) is not None:
        begun = filtered[1]
        return Offers(begun, tuple(name for name in sorted(FILTERS) if name.startswith(begun)))
    found = _NAME.search(code)
    begun = found[0] if found else ""
    if "." in begun:
        return Offers(begun, tuple(attributes(begun)))
    known = sorted({*names, *EXTRAS})
    return Offers(begun, tuple(name for name in known if name.startswith(begun)))


def _on_line(
    line: str, options: Sequence[Option], names: Sequence[str], host: str, chats: tuple[str, ...]
) -> Offers:
    """Options, or values of the option before the cursor."""
    try:
        words = [word.text for word in each_word(line)]
    except ValueError:
        words = []
    except Exception:  # noqa: BLE001 - a quote is open: a text is being written
        return _nothing(line)
    begun = "" if not line or line[-1].isspace() else words.pop() if words else ""
    by_flag = {flag: option for option in options for flag in (*option.flags, *option.opposite)}
    flag, equals, value = begun.partition("=")
    if equals and flag in by_flag:
        return _values(by_flag[flag], value, names, host, chats)
    before = by_flag.get(words[-1]) if words else None
    if before is not None and before.metavar:
        return _values(before, begun, names, host, chats)
    fitting = [flag for flag in by_flag if flag.startswith(begun) and (flag.startswith("--") or begun)]
    return Offers(begun, tuple(sorted(fitting, key=lambda flag: (flag.startswith("--no-"), flag))))


def _values(option: Option, begun: str, names: Sequence[str], host: str, chats: tuple[str, ...]) -> Offers:
    known: Iterable[str] = option.choices
    is_all = True
    match option.name:
        case "model":
            known = models.table().alive(host)
        case "chat":
            known = chats
        case "out":
            known = names
        case "unset":
            known = [each.name for each in at(CONFIG) if each.is_setting and each.name != "unset"]
        case "attach" | "schema" | "tool" | "tools":
            known, is_all = names, False
        case "env_file":
            is_all = False
    return Offers(begun, tuple(word for word in known if word.startswith(begun)), is_all)


def chats_of(kernel: Any) -> Iterable[str]:
    """The names of the conversations of a kernel."""
    chats = getattr(kernel, "chats", ())
    return [str(name) for name in chats] if isinstance(chats, Mapping | list | tuple) else ()
