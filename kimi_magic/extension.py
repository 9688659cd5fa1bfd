"""`%load_ext kimi_magic` and `%unload_ext kimi_magic`: what is hung into IPython, and taken out again.

Loading imports next to nothing.
"""

from __future__ import annotations

from typing import Any

from kimi_magic import rewriting, warm_up, watch
from kimi_magic.magics import KimiMagics

MAGICS = [
    ("cell", "kimi"), ("line", "kimi"), ("line", "kimi_fix"), ("line", "kimi_config"),
    ("cell", "kimi_chat"), ("line", "kimi_chat"), ("line", "kimi_usage"),
]  # fmt: skip


def load(shell: Any) -> None:
    """Register the magics and the rewriting of cells. Prints nothing, opens nothing."""
    if section := shell.config.get("KimiMagic"):
        from kimi_magic import kernel

        kernel.current.settings.load(section)
    unload(shell)
    shell.register_magics(KimiMagics)
    watched = watch.Watch(shell)
    shell.input_transformers_cleanup.insert(0, watched.rewrite)
    shell.input_transformer_manager.token_transformers += rewriting.TRANSFORMERS
    shell.events.register("pre_run_cell", watched.enter)
    shell.events.register("post_run_cell", watched.leave)
    shell._kimi_magic_cells = watched
    if (matcher := _matcher(shell)) is not None:
        shell.Completer.custom_matchers.append(matcher)
        watched.matcher = matcher
    warm_up.start(shell)


def unload(shell: Any) -> None:
    """Undo `load`, and close all connections."""
    warm_up.wait()  # it may be half through importing what is closed here
    for kind, name in MAGICS:
        shell.magics_manager.magics[kind].pop(name, None)
    if (watched := shell.__dict__.pop("_kimi_magic_cells", None)) is None:
        return
    shell.input_transformers_cleanup.remove(watched.rewrite)
    if watched.matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(watched.matcher)
    for transformer in rewriting.TRANSFORMERS:
        shell.input_transformer_manager.token_transformers.remove(transformer)
    shell.events.unregister("pre_run_cell", watched.enter)
    shell.events.unregister("post_run_cell", watched.leave)
    import sys

    if (kernel := sys.modules.get("kimi_magic.kernel")) is not None:
        kernel.current.close()


def _complete(shell: Any, context: Any) -> dict[str, Any]:
    """What Tab offers in cells of ours, as a matcher of IPython's completer (its version 2)."""
    from IPython.core.completer import SimpleCompletion

    nothing: dict[str, Any] = {"completions": [], "suppress": False}
    before = context.full_text.split("\n")[: context.cursor_line + 1]
    before[-1] = before[-1][: context.cursor_position]
    text = "\n".join(before)
    if "%kimi" not in text:
        return nothing
    warm_up.wait()
    from kimi_magic import kernel
    from kimi_magic.options import completion

    settings = kernel.current.settings
    found = completion.offers(
        text,
        list(shell.user_ns),
        attributes=shell.Completer.attr_matches,
        host=settings["host"] or settings.options({}, asks=False).host,
        chats=completion.chats_of(kernel.current),
    )
    if found is None:
        return nothing
    words = [SimpleCompletion(text=word, type="kimi") for word in found.words]
    return {
        "completions": words, "suppress": found.is_all, "ordered": True, "matched_fragment": found.fragment,
    }  # fmt: skip


def _matcher(shell: Any) -> Any:
    """The matcher for `shell`, None where its IPython knows none of that kind (before 8.6)."""
    try:
        from IPython.core.completer import context_matcher
    except ImportError:
        return None

    def complete(context: Any) -> dict[str, Any]:
        try:
            return _complete(shell, context)
        except Exception:  # noqa: BLE001 - Python's own completion goes on, whatever is wrong here
            return {"completions": [], "suppress": False}

    return context_matcher(identifier="kimi_magic")(complete)
