"""The command line: `kimi-magic ask` streams an answer, `serve` is the service offline, `demo` is lessons.

`autoload` lets IPython load the extension by itself.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kimi_magic import keys, options
from kimi_magic.errors import KimiError, KimiInterrupted, KimiUsageError
from kimi_magic.options.advice import COMMAND_WORDS, in_words_of

if TYPE_CHECKING:
    from kimi_magic.simulator.service import Responder

ABOUT = """Talk to the Kimi thinking models.

Usage: kimi-magic ask [options] PROMPT...    stream an answer; with no PROMPT, it is read from standard input
       kimi-magic serve [--port N] [--speed N]   the service on loopback, offline, for tests and lessons
       kimi-magic serve --model              a small real model on loopback, offline
       kimi-magic demo [options] [FOLDER]    the lessons in JupyterLab, offline; no key is needed
       kimi-magic autoload [--remove]        let IPython load the extension by itself, so that %%kimi is there
       kimi-magic ask --help                 the options; serve, demo and autoload have theirs
"""
_OF_A_KERNEL = (
    "out",
    "history",
    "pick",
    "resume",
    "show",
    "chat",
    "append",
    "ask_again",
    "history_limit",
    "raw",
    "show_prompt",
    "tool",
    "max_steps",
    "yes",
)  # a command has nothing that lasts
ASK = (
    *(option for option in options.at(options.CELL) if option.name not in _OF_A_KERNEL and not option.of_map),
    options.BY_NAME["record"],
    options.BY_NAME["replay"],
)
SERVE = (
    options.Option(
        "port", ("--port",), "port on 127.0.0.1; 0 takes a free one", "N", options.whole(0, 65535)
    ),
    options.BY_NAME["speed"],
    options.Option(
        "profile", ("--profile",), "whose rules: a name of %kimi_config --host (default evolink)", "NAME"
    ),
    options.Option("faults", ("--faults",), "faults in every answer, such as 'cut=40; comments'", "TEXT"),
    options.Option(
        "local",
        ("--model",),
        "a real, small model on this machine instead of the simulator; --model=NAME or --model=FILE.gguf",
        "",
        default=False,
        may_say=True,
    ),
    options.BY_NAME["replay"],
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
AUTOLOAD = (
    options.Option("remove", ("--remove",), "take the line out of the configuration again"),
    options.BY_NAME["help"],
)
COMMANDS = ("ask", "serve", "demo", "autoload")
INTERRUPTED = 130  # what a shell expects after Ctrl-C
READER_GONE = 141  # and of a command that SIGPIPE has ended


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    The exit status is 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C, 141 where the reader of the
    output has gone.
    """
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a console of Windows or LANG=C cannot write every character
    try:
        with in_words_of(COMMAND_WORDS):
            status = _run(words)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk can be told
    except KeyboardInterrupt as stop:
        return _failed(stop if isinstance(stop, KimiInterrupted) else "interrupted", INTERRUPTED)
    except KimiError as error:
        return _failed(error, 2 if isinstance(error, KimiUsageError) else 1)
    except BrokenPipeError:  # as in `kimi-magic ask … | head -1`
        _give_up_output()
        return READER_GONE
    except OSError as error:
        _give_up_output()
        return _failed(f"cannot go on: {error.strerror or error}", 1)
    return status


def _failed(reason: object, status: int) -> int:
    with contextlib.suppress(OSError):
        print(f"kimi-magic: {reason}", file=sys.stderr)
    return status


def _give_up_output() -> None:
    """Let Python's own flush at the end find nothing to fail at."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> int:
    match words:
        case ["ask", *rest]:
            return _ask(rest)
        case ["serve", *rest]:
            return _serve(rest)
        case ["demo", *rest]:
            return _demo(rest)
        case ["autoload", *rest]:
            return _autoload(rest)
        case [] | ["-h" | "--help", *_]:
            print(ABOUT)
        case ["--version", *_]:
            from kimi_magic._version import __version__

            print(__version__)
        case [word, *_]:
            word = keys.without_keys(word)
            raise KimiUsageError(f"{word!r} is no command{options.nearest(word, COMMANDS)}")
    return 0


def _ask(words: list[str]) -> int:
    values, prompt = options.parse(words, ASK, positional=True)
    if values.pop("help", False):
        print(options.help_text("kimi-magic ask [options] PROMPT...", "Stream an answer.", ASK))
        return 0
    from kimi_magic import kernel, view

    text = " ".join(prompt) if prompt else _standard_input()
    if values.pop("dry_run", False):
        from kimi_magic import dry_run

        plan = kernel.current.plan(text, values, is_dry=True)
        view.show_preview(None, dry_run.preview(kernel.current, plan, values))
        return 0
    plan = kernel.current.plan(text, values)
    if plan.attachments:
        view.show_prompt(None, plan.turn.prompt, plan.attachments, with_text=False)
    decided = plan.options
    kernel.current.run(plan, view.choose(None, "hidden" if decided.hide_reasoning else decided.reasoning))
    return 0


def _standard_input() -> str:
    """What comes from standard input: UTF-8, or UTF-16 with its mark, which PowerShell writes.

    Raises:
        KimiUsageError: It is closed, or in another encoding.
    """
    if sys.stdin is None:
        raise KimiUsageError(
            "there is no prompt, and standard input is closed", hint="Write the question behind the options."
        )
    data = sys.stdin.buffer.read()
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise KimiUsageError(
            f"standard input is not UTF-8: byte 0x{data[error.start]:02x} at position {error.start}",
            hint="Save it as UTF-8, or convert it first, as with: iconv -f latin1 -t utf-8 FILE",
        ) from None


def _serve(words: list[str]) -> int:
    values, _ = options.parse(words, SERVE)
    if values.pop("help", False):
        print(options.help_text("kimi-magic serve [options]", "The service on loopback, offline.", SERVE))
        return 0
    from kimi_magic import simulator

    port, replay, model = values.pop("port", 0), values.pop("replay", None), values.pop("local", False)
    if model and (others := [*values, *(["replay"] if replay else [])]):
        raise KimiUsageError(f"--model with --{others[0]}: only --port goes with a real model")
    if replay and (others := [name for name in values if name != "speed"]):
        raise KimiUsageError(f"--replay with --{others[0]}: a recording answers as it was recorded")
    try:
        if model:
            _serve_model("" if model is True else str(model), port)
            return 0
        service = _recording(replay, **values) if replay else simulator.Service(**values)
        simulator.serve(port=port, service=service)
    except (ValueError, OSError, ImportError) as error:
        raise KimiUsageError(f"cannot serve on port {port}: {error}") from None
    return 0


def _serve_model(name: str, port: int) -> None:
    """Serve a model of this machine until SIGINT; say first how a notebook reaches it."""
    from kimi_magic import simulator
    from kimi_magic.simulator import local

    found, path = local.find(name)
    model = local.LocalModel(found, path)
    hint = f"in a notebook: %kimi_config --base-url {{base_url}} -m {model.name}"
    simulator.serve(port=port, service=model, hint=hint)


def _recording(name: str, speed: float | None = None) -> Responder:
    from kimi_magic.client.recordings import Recording

    return Recording(name, speed=speed)


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


def _autoload(words: list[str]) -> int:
    from kimi_magic import autoload

    values, _ = options.parse(words, AUTOLOAD)
    if values.pop("help", False):
        about = (
            f"Let IPython load the extension by itself: one line in {autoload.FILE} of its default profile."
        )
        print(options.help_text("kimi-magic autoload [--remove]", about, AUTOLOAD))
        return 0
    print(autoload.turn_off() if values.pop("remove", False) else autoload.turn_on())
    return 0


if __name__ == "__main__":
    sys.exit(main())
