"""The ledger of a kernel as tables: what was used, a line a model; and when the parts of answers arrived."""

from __future__ import annotations

from collections.abc import Sequence

from kimi_magic.markdown import inert
from kimi_magic.usage import Ledger, Record, Sum, Total, dollars
from kimi_magic.view.words import on_one_line

# The cost stands first, where no narrow window cuts it off. The columns of RARE are left out where all are 0.
HEAD = ("model", "cost (estimate)", "requests", "stopped", "failed", "uncounted",
        "prompt", "cached", "completion", "reasoning")  # fmt: skip
RARE = ("stopped", "failed", "uncounted")
NOTE = """\
Tokens as the service counted them; a request is uncounted where it did not, as when it was stopped.
Costs are estimates from the price list of the host. ≥ marks a sum in which some requests are not known."""
TIMING_HEAD = ("model", "verdict", "connect", "first byte", "reasoning", "answer", "silence", "whole")
TIMING_NOTE = """\
Seconds since the request was begun; silence is the longest time between two pieces.
buffered: a long answer came all at once, something on the way holds it back. queued: a late first byte.
stalled: a long silence. unanswered: nothing came. whole: not streamed, as it was asked for."""
MOST_TIMINGS = 20  # requests that are shown, the last ones
EMPTY = "No requests yet."
# Cells break only where words do, but a long name of a model anywhere.
_TABLE_CSS = "margin-left:0;font-size:.87em"
_NAME_CSS = "text-align:start;overflow-wrap:anywhere;min-width:8em;max-width:16em;white-space:normal"
_CELL_CSS = "text-align:end;padding:.25em .35em"


def table(ledger: Ledger) -> str:
    """The sums of `ledger` by model, aligned; what is not known is called so."""
    return _plain(_rows(ledger), NOTE) if len(ledger) else EMPTY


def html(ledger: Ledger) -> str:
    """The same for a notebook, where a wide text would be wrapped."""
    return _html(_rows(ledger), NOTE) if len(ledger) else f"<p>{EMPTY}</p>"


def timing_table(ledger: Ledger) -> str:
    """When the parts of the last answers arrived, a line each, aligned."""
    return _plain(_timing_rows(ledger), TIMING_NOTE) if len(ledger) else EMPTY


def timing_html(ledger: Ledger) -> str:
    """The same for a notebook."""
    return _html(_timing_rows(ledger), TIMING_NOTE) if len(ledger) else f"<p>{EMPTY}</p>"


def _plain(rows: Sequence[tuple[str, ...]], note: str) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]) for name, *cells in rows]
    return "\n".join([*lines, "", note])


def _html(rows: Sequence[tuple[str, ...]], note: str) -> str:
    head, *body = rows
    cells = "".join(_cell_html("th", at, cell) for at, cell in enumerate(head))
    lines = "".join(
        "<tr>" + "".join(_cell_html("td", at, cell) for at, cell in enumerate(row)) + "</tr>" for row in body
    )
    table = f'<table style="{_TABLE_CSS}"><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<div style="overflow-x:auto">{table}<p>{inert(note)}</p></div>'


def _cell_html(tag: str, column: int, text: str) -> str:
    return f'<{tag} style="{_CELL_CSS if column else _NAME_CSS}">{inert(text)}</{tag}>'


def _rows(ledger: Ledger) -> list[tuple[str, ...]]:
    totals = ledger.by_model()
    rows = [
        HEAD,
        *(_row(on_one_line(model) + " (offline)" * offline, total, offline=offline)
          for (model, offline), total in totals.items()),
    ]  # fmt: skip
    if len(totals) > 1:
        rows.append(_row("all", ledger.total, offline=all(offline for _, offline in totals)))
    columns = [
        column for column in zip(*rows, strict=True) if column[0] not in RARE or set(column[1:]) != {"0"}
    ]
    return list(zip(*columns, strict=True))


def _row(name: str, total: Total, *, offline: bool) -> tuple[str, ...]:
    requests = total.requests
    counts = (requests, total.interrupted, total.failed, total.prompt.unknown)
    tokens = (total.prompt, total.cached, total.completion, total.reasoning)
    return (
        name,
        "offline" if offline else _cell(dollars(total.cost.known), total.cost, requests),
        *(f"{count:,}" for count in counts),
        *(_cell(f"{tokens.known:,}", tokens, requests) for tokens in tokens),
    )


def _cell(known: str, parts: Sum, requests: int) -> str:
    if parts.unknown == requests:
        return "unknown"
    return f"≥ {known}" if parts.unknown else known


def _timing_rows(ledger: Ledger) -> list[tuple[str, ...]]:
    return [TIMING_HEAD, *map(_timing_row, ledger.records[-MOST_TIMINGS:])]


def _timing_row(record: Record) -> tuple[str, ...]:
    times = (record.connect, record.first_byte, record.first_reasoning, record.first_answer)
    return (
        on_one_line(record.model),
        record.verdict,
        *("-" if time is None else f"{time:.2f}" for time in times),
        f"{record.longest_silence:.2f}",
        f"{record.seconds:.2f}",
    )
