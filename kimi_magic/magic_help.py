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
FIX_USAGE = "%kimi_fix [options] [question]"
FIX_ABOUT = (
    "Ask what is wrong with the last cell that failed: its source, the traceback, near names, and shapes and "
    "columns of the tables on the failing line are sent. --insert puts the corrected cell below."
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

    usage, about, entry, examples = {
        "kimi": (CELL_USAGE, CELL_ABOUT, options.CELL, CELL_EXAMPLES),
        "kimi_fix": (FIX_USAGE, FIX_ABOUT, options.CELL, FIX_EXAMPLES),
        "kimi_config": (CONFIG_USAGE, CONFIG_ABOUT, options.CONFIG, CONFIG_EXAMPLES),
        "kimi_usage": (USAGE_USAGE, USAGE_ABOUT, options.USAGE, USAGE_EXAMPLES),
    }[magic]
    return options.help_text(usage, about, options.at(entry), examples)
