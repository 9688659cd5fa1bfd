"""The tables of options in README.md, from the tables that parse them: `python -m tests.write_readme`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from kimi_magic import __main__ as command_line
from kimi_magic import chats, options
from tests.front_ends import outcome
from tests.front_ends import table as front_ends

README = Path(__file__).parent.parent / "README.md"
COMMAND = "python -m tests.write_readme"
MARKED = re.compile(r"(<!-- options: (?P<name>\w+) [^\n]*-->\n).*?(<!-- /options -->)", re.DOTALL)
FRONT_ENDS = re.compile(r"(<!-- front ends \(written by [^\n]*-->\n).*?(<!-- /front ends -->)", re.DOTALL)

# Tables by the name in their marker; the entries of each by the heading of their column.
TABLES: Mapping[str, Mapping[str, Iterable[options.Option]]] = {
    "request": {
        "`%%kimi`": options.at(options.CELL),
        "`%kimi_config`": options.at(options.CONFIG),
        "`ask`": command_line.ASK,
    },
    "usage": {"`%kimi_usage`": options.at(options.USAGE)},
    "serve": {"`kimi-magic serve`": command_line.SERVE},
    "demo": {"`kimi-magic demo`": command_line.DEMO},
    "autoload": {"`kimi-magic autoload`": command_line.AUTOLOAD},
}


def table(name: str) -> str:
    """One table in Markdown: a row for each option, a column for each entry where there are several."""
    if name == "chat":
        commands = [(f"`{name} {c.words}".rstrip() + "`", c.about) for name, c in chats.COMMANDS.items()]
        head = [("`%kimi_chat` …", "for"), ("---", "---")]
        return "\n".join(f"| {command} | {about} |" for command, about in [*head, *commands])
    entries = TABLES[name]
    found = list(
        {(option.flags, option.help): option for entry in entries.values() for option in entry}.values()
    )
    columns = list(entries) if len(entries) > 1 else []
    rows = [["option" if columns else f"{next(iter(entries))} …", "for", *columns]]
    rows.append(["---"] * 2 + [":-:"] * len(columns))
    for option in found:
        *others, last = (*option.flags, *option.opposite)
        flags = [*others, f"{last} {option.metavar}".rstrip()]
        default = "" if option.default in (None, True, False) else f" (default {option.default})"
        marks = ["•" if option in entries[column] else "" for column in columns]
        rows.append([", ".join(f"`{flag}`" for flag in flags), option.help + default, *marks])
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows)


def rewritten(text: str) -> str:
    """`text` with each marked table as it is now."""
    text = MARKED.sub(lambda found: f"{found[1]}\n{table(found['name'])}\n\n{found[3]}", text)
    rows = outcome.table((each.name, each.words) for each in front_ends.TABLE)
    return FRONT_ENDS.sub(lambda found: f"{found[1]}\n{rows}\n\n{found[2]}", text)


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
