"""What `?` and `--help` say of each magic.

Imported with the extension, so it imports little.
"""

from __future__ import annotations

CELL_USAGE = "%%kimi [options]   with the prompt below, or   %kimi [options] prompt"
CELL_ABOUT = "Send the cell to a Kimi thinking model; the answer streams in, its reasoning folds away."
CONFIG_USAGE = "%kimi_config [options]"
CONFIG_ABOUT = (
    "Settings for every %%kimi cell of this kernel. Without options: what is set, and where it came from."
)
CHAT_ABOUT = "The conversations of this kernel: list, change, save and bring back."
USAGE_USAGE = "%kimi_usage [options]"
USAGE_ABOUT = (
    "What the requests of this kernel used, by model: tokens and estimated cost. Without options: a table."
)
CELL_EXAMPLES = (
    "%%kimi -t 0.7 --max-tokens 2000\nExplain {{ df | head(20) }} in two sentences.",
    '%%kimi --schema "[name, population int]" --frame -o cities\nThe ten largest cities of Europe.',
)
CELL_NOTES = r"""
Values in the prompt:
  {{ expression }} in a prompt, or in the value of an option, is replaced by its value, once. Everything
  else is sent as typed: single and triple braces, dollars, LaTeX, JSON, code. \{{ x }} is sent as the
  text {{ x }}.
  Tables of pandas and polars are sent as Markdown with their size, types, first and last rows; arrays
  with shape and summary; dicts and dataclasses as JSON; functions and classes as source; texts as they
  are. A value that is cut says so. What looks like a secret is refused, unless | unsafe follows it.
  Filters: {{ df | head(20) }}, | all, | csv, | json, | source, | describe, | schema, and your own,
  which @kimi_magic.prompt_filter makes of functions.
  Earlier cells: {{ In[3] }} is what was typed there, {{ Out[3] }} and {{ _ }} are results, {{ Err }} is
  the last traceback. What --cells names is put before the prompt.
  A preview: --dry-run shows the request with the source of each setting, an estimate of tokens and
  price, and a curl line.

Attachments:
  --attach takes a file (a PDF is sent as its text, with the extra "pdf"), an address, a figure, a
  picture of PIL, an array (height, width[, 3 or 4]) or Out[3]. Thumbnails stand above the answer. A
  picture larger than --image-size is scaled, with a notice. For a model that takes no pictures they are
  refused, and the error names models that take them.

JSON:
  The answer is a tree that keeps the order of the model, and stays the same from the first byte to the
  saved page. Where scripts run, it has a toolbar: find, unfold, copy a value or its path, show a list
  of records as a table. Of several answers, a line says how far their fields agree.

Code:
  --code alone takes the last answer. Each block of code has a "Copy" button, and "Insert below" where
  JupyterLab was started with --LabApp.expose_app_in_browser=True, as by kimi-magic demo; a page cannot
  make cells without it.

Functions:
  -T NAME takes a function, a list, a dict, a SimpleNamespace or a module of functions; %kimi_config -T
  NAME holds for all cells. Definitions that --tools takes are passed on unchanged; their calls are
  shown and not run, except by the service itself ($web_search). help(kimi_magic.tool) says how
  functions run.
"""
CONFIG_NOTES = """
Headers:
  In --header 'X-Api-Key: $GATEWAY_KEY' the secret is read from that variable of the environment. It is
  sent only to the host that was set then.

Kept answers:
  After --keep, a cell that asks the same in the same context shows its earlier answer, byte for byte,
  and sends nothing. A cell that was edited is asked, and so are those that depend on it. This is off by
  default, because running a cell again is how to ask for another answer; %%kimi --ask-again does so
  while it is on. After %kimi_chat restore, Run All on an answered notebook sends nothing.

Recordings:
  With --record, each whole answer is added to a file, with its pace, and without key, headers and
  address. With --replay, answers come from that file, also for kimi-magic ask and kimi-magic serve. A
  request that was not recorded fails; the error names the nearest one and what differs.
"""
FIX_USAGE = "%kimi_fix [options] [question]"
FIX_ABOUT = (
    "Ask what is wrong with the last cell that failed: its source, the traceback, near names, and shapes and "
    "columns of the tables on the failing line are sent, and no value. %%kimi --fix asks your own question "
    "about it. --insert puts the corrected cell below."
)
FIX_EXAMPLES = ("%kimi_fix --insert", "%kimi_fix -m kimi-k3 Why is the column not found?")
CONFIG_EXAMPLES = ("%kimi_config --model kimi-k3 --system 'Be brief.'", "%kimi_config --offline --speed 0")
USAGE_EXAMPLES = ("%kimi_usage", "%kimi_usage -o records")
ABOUT = {
    "kimi": CELL_ABOUT,
    "kimi_fix": FIX_ABOUT,
    "kimi_config": CONFIG_ABOUT,
    "kimi_chat": CHAT_ABOUT,
    "kimi_usage": USAGE_ABOUT,
}


def text(magic: str) -> str:
    """The whole help of a magic, from the option table or the commands of conversations."""
    from kimi_magic import options

    if magic == "kimi_chat":
        from kimi_magic import chats

        return chats.help_text()

    usage, about, entry, examples, notes = {
        "kimi": (CELL_USAGE, CELL_ABOUT, options.CELL, CELL_EXAMPLES, CELL_NOTES),
        "kimi_fix": (FIX_USAGE, FIX_ABOUT, options.CELL, FIX_EXAMPLES, ""),
        "kimi_config": (CONFIG_USAGE, CONFIG_ABOUT, options.CONFIG, CONFIG_EXAMPLES, CONFIG_NOTES),
        "kimi_usage": (USAGE_USAGE, USAGE_ABOUT, options.USAGE, USAGE_EXAMPLES, ""),
    }[magic]
    return options.help_text(usage, about, options.at(entry), examples, notes)
