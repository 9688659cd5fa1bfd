"""The ledger of a kernel as a table: one line a model, and one for all where there are several."""

from __future__ import annotations

from kimi_magic.markdown import inert
from kimi_magic.usage import Ledger, Sum, Total, dollars
from kimi_magic.view.words import on_one_line

HEAD = ("model", "requests", "complete", "stopped", "failed", "uncounted",
        "prompt", "cached", "completion", "reasoning", "cost (estimate)")  # fmt: skip
NOTE = """\
Tokens as the service counted them; a request is uncounted where it did not, as when it was stopped.
Costs are estimates from list prices. ≥ marks a sum in which some of the requests are not known."""


EMPTY = "No requests yet."


def table(ledger: Ledger) -> str:
    """The sums of `ledger` by model, aligned; what is not known is called so."""
    if not len(ledger):
        return EMPTY
    rows = _rows(ledger)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]) for name, *cells in rows]
    return "\n".join([*lines, "", NOTE])


def html(ledger: Ledger) -> str:
    """The same for a notebook, where a wide text would be wrapped."""
    if not len(ledger):
        return f"<p>{EMPTY}</p>"
    head, *body = _rows(ledger)
    cells = "".join(f"<th>{inert(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{inert(c)}</td>" for c in row) + "</tr>" for row in body)
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div style="overflow-x:auto">{table}<p>{inert(NOTE)}</p></div>'


def _rows(ledger: Ledger) -> list[tuple[str, ...]]:
    totals = ledger.by_model()
    rows = [
        HEAD,
        *(_row(on_one_line(model) + " (offline)" * offline, total, offline=offline)
          for (model, offline), total in totals.items()),
    ]  # fmt: skip
    if len(totals) > 1:
        rows.append(_row("all", ledger.total, offline=all(offline for _, offline in totals)))
    return rows


def _row(name: str, total: Total, *, offline: bool) -> tuple[str, ...]:
    requests = total.requests
    counts = (requests, total.complete, total.interrupted, total.failed, total.prompt.unknown)
    tokens = (total.prompt, total.cached, total.completion, total.reasoning)
    return (
        name,
        *(f"{count:,}" for count in counts),
        *(_cell(f"{tokens.known:,}", tokens, requests) for tokens in tokens),
        "offline" if offline else _cell(dollars(total.cost.known), total.cost, requests),
    )


def _cell(known: str, parts: Sum, requests: int) -> str:
    if parts.unknown == requests:
        return "unknown"
    return f"≥ {known}" if parts.unknown else known
