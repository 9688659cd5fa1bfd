"""The command line: `kimi-magic ask` streams an answer, `serve` is the service offline, `demo` is lessons."""

from __future__ import annotations

import sys
from pathlib import Path

from kimi_magic import options
from kimi_magic.errors import KimiError, KimiInterrupted, KimiUsageError
from kimi_magic.options.advice import COMMAND_WORDS, in_words_of

ABOUT = """Talk to the Kimi thinking models.

Usage: kimi-magic ask [options] PROMPT...    stream an answer; with no PROMPT, it is read from standard input
       kimi-magic serve [--port N] [--speed N]   the service on loopback, offline, for tests and lessons
       kimi-magic demo [options] [FOLDER]    the lessons in JupyterLab, offline; no key is needed
       kimi-magic ask --help                 the options; serve and demo have theirs
"""
_OF_A_KERNEL = ("out", "history", "pick", "resume", "show")  # a command has nothing that lasts
ASK = tuple(option for option in options.at(options.CELL) if option.name not in _OF_A_KERNEL)
SERVE = (
    options.Option(
        "port", ("--port",), "port on 127.0.0.1; 0 takes a free one", "N", options.whole(0, 65535)
    ),
    options.BY_NAME["speed"],
    options.Option(
        "profile", ("--profile",), "whose rules: a name of %kimi_config --host (default evolink)", "NAME"
    ),
    options.Option("faults", ("--faults",), "faults in every answer, such as 'cut=40; comments'", "TEXT"),
    options.BY_NAME["help"],
)
DEMO = (
    options.Option("browser", ("--no-browser",), "print the address instead of opening it", sets=False),
    options.Option(
        "port", ("--port",), "port on 127.0.0.1; 0 takes a free one (default the first free from 8888)", "N",
        options.whole(0, 65535),
    ),
    options.BY_NAME["help"],
)  # fmt: skip
INTERRUPTED = 130  # what a shell expects after Ctrl-C


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        with in_words_of(COMMAND_WORDS):
            return _run(words)
    except KeyboardInterrupt as stop:
        print(f"kimi-magic: {stop if isinstance(stop, KimiInterrupted) else 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except KimiError as error:
        print(f"kimi-magic: {error}", file=sys.stderr)
        return 2 if isinstance(error, KimiUsageError) else 1


def _run(words: list[str]) -> int:
    match words:
        case ["ask", *rest]:
            return _ask(rest)
        case ["serve", *rest]:
            return _serve(rest)
        case ["demo", *rest]:
            return _demo(rest)
        case [] | ["-h" | "--help", *_]:
            print(ABOUT)
        case ["--version", *_]:
            from kimi_magic._version import __version__

            print(__version__)
        case [word, *_]:
            raise KimiUsageError(f"{word!r} is no command{options.nearest(word, ['ask', 'serve', 'demo'])}")
    return 0


def _ask(words: list[str]) -> int:
    values, prompt = options.parse(words, ASK, positional=True)
    if values.pop("help", False):
        print(options.help_text("kimi-magic ask [options] PROMPT...", "Stream an answer.", ASK))
        return 0
    from kimi_magic import kernel, view

    text = " ".join(prompt) if prompt else sys.stdin.read()
    plan = kernel.current.plan(text, values)
    decided = plan.options
    kernel.current.run(plan, view.choose(None, "hidden" if decided.hide_reasoning else decided.reasoning))
    return 0


def _serve(words: list[str]) -> int:
    values, _ = options.parse(words, SERVE)
    if values.pop("help", False):
        print(options.help_text("kimi-magic serve [options]", "The service on loopback, offline.", SERVE))
        return 0
    from kimi_magic import simulator

    port = values.pop("port", 0)
    try:
        simulator.serve(port=port, service=simulator.Service(**values))
    except (ValueError, OSError, ImportError) as error:
        raise KimiUsageError(f"cannot serve on port {port}: {error}") from None
    return 0


def _demo(words: list[str]) -> int:
    from kimi_magic import demo

    values, folders = options.parse(words, DEMO, positional=True)
    if values.pop("help", False):
        about = f"The lessons in FOLDER (default {demo.FOLDER}), shown in JupyterLab, offline."
        print(options.help_text("kimi-magic demo [options] [FOLDER]", about, DEMO))
        return 0
    if len(folders) > 1:
        raise KimiUsageError(f"demo takes one folder, but got {len(folders)}: {' '.join(folders)}")
    demo.run(Path(*folders or [demo.FOLDER]), **values)
    return 0


if __name__ == "__main__":
    sys.exit(main())
