"""The command line: `kimi-magic ask "…"` streams an answer, `kimi-magic serve` is the service, offline."""

from __future__ import annotations

import sys

from kimi_magic import options
from kimi_magic.errors import KimiError, KimiInterrupted, KimiUsageError

ABOUT = """Talk to the Kimi thinking models.

Usage: kimi-magic ask [options] PROMPT...    stream an answer; with no PROMPT, it is read from standard input
       kimi-magic serve [--port N] [--speed N]   the service on loopback, offline, for tests and lessons
       kimi-magic ask --help                 the options
"""
SERVE = (
    options.Option(
        "port", ("--port",), "port on 127.0.0.1; 0 takes a free one", "N", options.whole(0, 65535)
    ),
    options.BY_NAME["speed"],
    options.Option("profile", ("--profile",), "whose rules: evolink or moonshot", "NAME"),
    options.Option("faults", ("--faults",), "faults in every answer, such as 'cut=40; comments'", "TEXT"),
    options.BY_NAME["help"],
)
INTERRUPTED = 130  # what a shell expects after Ctrl-C


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        match words:
            case ["ask", *rest]:
                return _ask(rest)
            case ["serve", *rest]:
                return _serve(rest)
            case [] | ["-h" | "--help", *_]:
                print(ABOUT)
                return 0
            case ["--version", *_]:
                from kimi_magic import __version__

                print(__version__)
                return 0
            case [word, *_]:
                raise KimiUsageError(f"{word!r} is no command{options.nearest(word, ['ask', 'serve'])}")
    except KimiInterrupted as stop:
        print(f"kimi-magic: {stop}", file=sys.stderr)
        return INTERRUPTED
    except KimiError as error:
        print(f"kimi-magic: {error}", file=sys.stderr)
        return 2 if isinstance(error, KimiUsageError) else 1
    return 0


def _ask(words: list[str]) -> int:
    of_a_kernel = ("out", "history", "pick", "resume", "show")
    table = [option for option in options.at(options.CELL) if option.name not in of_a_kernel]
    given, prompt = options.parse(words, table, positional=True)
    if given.pop("help", False):
        print(options.help_text("kimi-magic ask [options] PROMPT...", "Stream an answer.", table))
        return 0
    from kimi_magic import view
    from kimi_magic.session import current

    text = " ".join(prompt) if prompt else sys.stdin.read()
    shown = view.choose(
        None, "hidden" if given.pop("hide_reasoning", False) else given.pop("reasoning", "auto")
    )
    current.run(current.turn(text, given, shown))
    return 0


def _serve(words: list[str]) -> int:
    given, _ = options.parse(words, SERVE)
    if given.pop("help", False):
        print(options.help_text("kimi-magic serve [options]", "The service on loopback, offline.", SERVE))
        return 0
    from kimi_magic import simulator

    port = given.pop("port", 0)
    try:
        simulator.serve(port=port, service=simulator.Service(**given))
    except (ValueError, OSError, ImportError) as error:
        raise KimiUsageError(f"cannot serve on port {port}: {error}") from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
