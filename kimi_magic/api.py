"""The Python face: `ask` and `aask`. The magics and the command line go the same way through `kernel`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

from kimi_magic import bridge, kernel, mapping, options, structured
from kimi_magic.batch import Grader, GridResult, MapResult, Work, library_of
from kimi_magic.conversation import Conversation
from kimi_magic.engine import Plan
from kimi_magic.errors import KimiUsageError
from kimi_magic.options.advice import PYTHON_WORDS, in_words_of
from kimi_magic.reply import Reply, T

if TYPE_CHECKING:
    from typing_extensions import TypeForm, Unpack

    from kimi_magic.view import View

    class _Given(TypedDict, total=False):
        """The parameters of `ask` that its type does not depend on."""

        model: str | None
        system: str | None
        max_tokens: int | None
        temperature: float | None
        top_p: float | None
        top_k: int | None
        presence_penalty: float | None
        frequency_penalty: float | None
        stop: str | Sequence[str] | None
        response_format: str | Mapping[str, Any] | None
        json: bool | None
        schema_mode: Literal["auto", "json_schema", "tools", "prompt"] | None
        repair: int | None
        tools: Any
        max_steps: int | None
        yes: bool | None
        attach: Any
        image_size: int | None
        force: bool | None
        prefix: str | None
        extra: Mapping[str, Any] | None
        header: str | Sequence[str] | None
        progress: bool | None
        history: bool | str | Conversation
        history_reasoning: str | None
        stream: bool | None
        timeout: float | None
        allow_http: bool | None
        offline: bool | None
        host: str | None
        base_url: str | None
        effort: Literal["low", "medium", "high", "max"] | None
        thinking: Literal["on", "off"] | None

    class _MapGiven(_Given, total=False):
        """The parameters of `map` that its type does not depend on."""

        concurrency: int | None
        rpm: float | None
        tpm: float | None
        cache: str | os.PathLike[str] | Literal[False] | None
        on_error: Literal["keep", "stop"]
        budget: float | None
        limit: int | None
        column_prefix: str | None
        progress: bool | None

    Prompt = str | Sequence[Mapping[str, Any]]
    RowPrompt = str | Callable[[dict[str, Any]], Any]
    One = Literal[1] | None
    Many = Literal[2, 3, 4, 5]
    NoFrame = Literal[False] | None


@overload
def ask(
    prompt: Prompt, *, schema: type[T], n: One = None, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[T]: ...
@overload
def ask(
    prompt: Prompt, *, schema: type[T], n: Many, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[list[T]]: ...
@overload
def ask(
    prompt: Prompt, *, schema: TypeForm[T], n: One = None, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[T]: ...
@overload
def ask(
    prompt: Prompt, *, schema: TypeForm[T], n: Many, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[list[T]]: ...
@overload
def ask(
    prompt: Prompt,
    *,
    schema: object = None,
    n: int | None = None,
    frame: bool | Literal["pandas", "polars"] | None = None,
    **given: Unpack[_Given],
) -> Reply[Any]: ...
def ask(
    prompt: str | Sequence[Mapping[str, Any]],
    *,
    model: str | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    n: int | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    stop: str | Sequence[str] | None = None,
    response_format: str | Mapping[str, Any] | None = None,
    json: bool | None = None,
    schema: object = None,
    schema_mode: Literal["auto", "json_schema", "tools", "prompt"] | None = None,
    frame: bool | Literal["pandas", "polars"] | None = None,
    repair: int | None = None,
    tools: Any = None,
    max_steps: int | None = None,
    yes: bool | None = None,
    attach: Any = None,
    image_size: int | None = None,
    force: bool | None = None,
    prefix: str | None = None,
    history: bool | str | Conversation = False,
    history_reasoning: str | None = None,
    stream: bool | None = None,
    effort: str | None = None,
    thinking: str | None = None,
    extra: Mapping[str, Any] | None = None,
    header: str | Sequence[str] | None = None,
    progress: bool | None = None,
    timeout: float | None = None,
    host: str | None = None,
    base_url: str | None = None,
    allow_http: bool | None = None,
    offline: bool | None = None,
) -> Reply[Any]:
    """Ask once and wait for the whole reply; nothing of it is shown.

    A parameter that is None follows `%kimi_config`, else the default that is named here.

    Parameters:
        prompt: The question; or a list of messages as the service takes them (dicts with `role` and
            `content`), which is sent as it is.
        model: Model that answers. Default that of the host; at EvoLink kimi-k2-thinking.
        system: System message, sent first.
        max_tokens: Cap in tokens on reasoning and answer together, at least 1. Default that of the model.
        temperature: Randomness, 0 to 2.
        top_p: Choose from the likeliest tokens that have this share together, 0 to 1.
        top_k: Choose from this many likeliest tokens, at least 1.
        n: How many answers, 1 to 5. They are in `Reply.choices`. Default 1.
        presence_penalty: Toward new topics, -2 to 2.
        frequency_penalty: Against repetition, -2 to 2.
        stop: 1 to 5 texts of at most 32 bytes; the answer ends where one would be written.
        response_format: "text", "json_object", or the object that the service takes.
        json: Ask for a JSON object; `Reply.data` holds it. Default False.
        schema: What the JSON answer shall be: a type, a JSON Schema, the name of its file, or fields in
            short ("name, age int"). The answer is checked, and `Reply.data` is of that type.
        schema_mode: How the schema is sent: "json_schema" as a response format, "tools" as a function whose
            arguments are the answer, "prompt" in words. Default "auto": by host; one that is not known is
            asked by "json_schema", and in words where it refuses that.
        frame: Make a DataFrame of a JSON answer that is a list of records; of "pandas" or "polars", or of the
            one that is imported (True). Default False.
        repair: How often an answer that cannot be used is asked for again, 0 to 5. Default 1 with `schema`,
            else 0.
        tools: What the model may call, at most 128: functions, namespaces of them (a module, a dict, a
            `SimpleNamespace`), and definitions as the service takes them. A call runs here, in the thread of
            this call; its arguments are checked by the type hints, and its result goes back to the model.
        max_steps: After how many rounds of calls the answer has to come without tools, 1 to 300. Default 8.
        yes: Run functions without asking first. Default False: the person is asked for each that is not
            marked `@tool(safe=True)`, and where nobody can answer, it is not run.
        attach: What is sent with the prompt, one or a list of at most 16: the path of a file (a picture, a
            PDF, a text in UTF-8), an address, or a value: a figure of matplotlib, a picture of PIL, an array
            (height, width[, 3 or 4]) of bytes or of floats from 0 to 1, bytes, or what shows itself as one.
        image_size: Larger pictures are scaled to this many pixels on the long side, 16 to 16,384, where
            pillow is installed. Default 2048.
        force: Send pictures to a model that is known to take none, and texts that look as if a secret were in
            them. Default False.
        prefix: How the answer begins; it is part of its text.
        history: Continue a conversation and join it: by name, the one that `chat` gave, or the current one
            (True). Default False: the call stands alone.
        history_reasoning: Whose earlier reasoning is sent back: all, tools or none. Default by model.
        stream: Receive the answer piece by piece. Default True.
        effort: How long to reason, where the model can be told: "low", "medium", "high" or "max".
        thinking: "on" or "off", where the model can be told.
        extra: Further fields of the request, by name; those that have a parameter here are refused.
        header: Headers for a gateway, 1 to 16 texts "NAME: VALUE". What is secret is only taken as $VARIABLE,
            the name of a variable of the environment.
        progress: Show a line while it waits, in a notebook on the thread of its cells. Default: where the
            front end can update it; never in a script.
        timeout: Seconds of silence after which to give up, 0.1 to 86,400. Default 180.
        host: Who serves, by a name of `%kimi_config --host`. Its own key is used, and no other.
        base_url: Address of the service, of which nothing is assumed; it is asked also while `offline` is set
            for the kernel. The key is the one that belongs to it.
        allow_http: Send key and prompt over plain http, which whoever is on the way can read. Default False:
            only to this machine, and without a key to a private address.
        offline: Let the simulator answer: no key, no network. Default False.

    Raises:
        KimiError: Its one line says what to do; what had arrived is in `kimi_magic.last`.
        KimiInterrupted: Ctrl-C or ■.
    """
    values = {name: value for name, value in locals().items() if name != "prompt"}
    with in_words_of(PYTHON_WORDS):
        plan = _plan(prompt, values)
        return kernel.current.run(plan, _progress(plan))


def _progress(plan: Plan) -> View | None:
    """What shows that `ask` waits: in a notebook, on the thread of its cells, unless it is not wanted."""
    if plan.options.progress is False or not bridge.is_main_thread():
        return None
    from kimi_magic import view

    return view.progress()


@overload
async def aask(
    prompt: Prompt, *, schema: type[T], n: One = None, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[T]: ...
@overload
async def aask(
    prompt: Prompt, *, schema: type[T], n: Many, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[list[T]]: ...
@overload
async def aask(
    prompt: Prompt, *, schema: TypeForm[T], n: One = None, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[T]: ...
@overload
async def aask(
    prompt: Prompt, *, schema: TypeForm[T], n: Many, frame: NoFrame = None, **given: Unpack[_Given]
) -> Reply[list[T]]: ...
@overload
async def aask(
    prompt: Prompt,
    *,
    schema: object = None,
    n: int | None = None,
    frame: bool | Literal["pandas", "polars"] | None = None,
    **given: Unpack[_Given],
) -> Reply[Any]: ...
async def aask(prompt: str | Sequence[Mapping[str, Any]], **parameters: Any) -> Reply[Any]:
    """Ask once and await the whole reply, leaving the running loop free; nothing is shown.

    For code that runs in an event loop: a cell of a notebook, marimo, a web handler. The
    parameters are those of `ask`. A cancellation of the awaiting task and `asyncio.timeout` stay what they
    are: the request is cancelled and its connection closed.

    Raises:
        KimiError: As `ask`.
        asyncio.CancelledError: The awaiting task was cancelled.
    """
    with in_words_of(PYTHON_WORDS):
        return await kernel.current.arun(_plan(prompt, {"history": False, **parameters}))


@overload
def map(prompt: RowPrompt, data: Any, *, schema: type[T], **given: Unpack[_MapGiven]) -> MapResult[T]: ...
@overload
def map(prompt: RowPrompt, data: Any, *, schema: TypeForm[T], **given: Unpack[_MapGiven]) -> MapResult[T]: ...
@overload
def map(
    prompt: RowPrompt, data: Any, *, schema: object = None, **given: Unpack[_MapGiven]
) -> MapResult[Any]: ...
def map(
    prompt: str | Callable[[dict[str, Any]], Any],
    data: Any,
    *,
    schema: object = None,
    concurrency: int | None = None,
    rpm: float | None = None,
    tpm: float | None = None,
    cache: str | os.PathLike[str] | Literal[False] | None = None,
    on_error: Literal["keep", "stop"] = "keep",
    budget: float | None = None,
    repair: int | None = None,
    limit: int | None = None,
    column_prefix: str | None = None,
    progress: bool | None = None,
    **options_of_ask: Any,
) -> MapResult[Any]:
    """Ask one prompt for each row, many at once, and wait for all answers.

    A row without an answer that can be used has an error, and the others are not touched by it. Rows with
    the same prompt are sent once. A row in which something looks like a secret is not sent, unless `force` is
    set. An interrupt (Ctrl-C, ■) ends it: the result has what is there, and calling it again goes on, for
    answers are kept (see `cache`). In a notebook, `%%kimi --map NAME` does the same.

    Parameters:
        prompt: A text with `{{column}}` for the values of the row, or names of variables; or a function that
            is given a row as a dict and returns a text, or messages as `ask` takes them.
        data: A DataFrame or Series of pandas or polars, a list of dicts, or a list of texts, whose column is
            called `text`. A dask DataFrame gives a dask DataFrame in place of the result: nothing is sent
            until it is computed, all workers keep within the same limits, each uses the key of its own
            environment, and `cache` is a folder with a file for each partition. `%%kimi --map NAME -o NAME`
            takes one too.
        schema: What each answer shall be, as in `ask`; made into `result.data`. Default None: the text.
        concurrency: How many requests at once, 1 to 256. Default 32. Fewer while the service refuses more.
        rpm: Requests a minute at most. Default None: as many as the service takes.
        tpm: Tokens a minute at most; a request counts with its prompt and its cap. Default None.
        cache: File that each answer is appended to (JSON Lines), and from which it is taken the next time,
            also after a crash or days later; False for none. Default None: in the memory of this process.
            Answers that cannot be used are not kept.
        on_error: "keep" or "stop": whether the first row without a value ends it.
        budget: US dollars that this call may cost; what is on its way counts with what it is expected to.
            Default None. `%kimi_config --budget` holds too.
        repair: How often an answer that cannot be used is asked for again, as in `ask`.
        limit: Take the first rows only, at least 1. Default None: all.
        column_prefix: What the names of the answer's columns begin with in `result.frame`. Default "".
        progress: Show how far it is. Default None: in a notebook and a terminal.
        options_of_ask: The other parameters of `ask`, the same for all rows; those of a single conversation
            (history, n, tools, frame) are refused.

    Returns:
        The values, texts and errors in the order of the rows; see `MapResult`.

    Raises:
        KimiUsageError: Something cannot be used; nothing was sent.
        KimiError: No row could be answered, for a reason that holds for all.
    """
    given = {name: value for name, value in locals().items() if name not in ("prompt", "data")}
    with in_words_of(PYTHON_WORDS):
        if library_of(data) == "dask":
            from kimi_magic import cluster

            return cluster.over_partitions(prompt, data, _checked(given)[0], mapping.names_of_notebook())  # type: ignore[no-any-return]
        planned, view = _map(prompt, data, given)
        return planned.run(view)


@overload
async def amap(
    prompt: RowPrompt, data: Any, *, schema: type[T], **given: Unpack[_MapGiven]
) -> MapResult[T]: ...
@overload
async def amap(
    prompt: RowPrompt, data: Any, *, schema: TypeForm[T], **given: Unpack[_MapGiven]
) -> MapResult[T]: ...
@overload
async def amap(
    prompt: RowPrompt, data: Any, *, schema: object = None, **given: Unpack[_MapGiven]
) -> MapResult[Any]: ...
async def amap(prompt: Any, data: Any, **given: Any) -> MapResult[Any]:
    """`map` for code in an event loop, which stays free. A cancellation stays one; answers are kept.

    The parameters are those of `map`.

    Raises:
        KimiError: As `map`.
        asyncio.CancelledError: The awaiting task was cancelled.
    """
    with in_words_of(PYTHON_WORDS):
        planned, view = _map(prompt, data, given)
        return await planned.arun(view)


def grid(
    prompts: str | Sequence[str] | Mapping[str, str],
    *,
    models: str | Sequence[str] | None = None,
    samples: int = 1,
    graders: Grader | Sequence[Grader] | Mapping[str, Grader] = (),
    schema: object = None,
    progress: bool | None = None,
    **options_of_map: Any,
) -> GridResult[Any]:
    """Ask prompts with every combination of models and options, and compare the answers.

    Parameters:
        prompts: One prompt, several, or several by a name that stands for them in the frame.
        models: Models that answer. Default None: the one that is set.
        samples: How often each combination is asked, at least 1. Default 1.
        graders: Functions that are given the value of an answer, and if they take two arguments the
            combination as a dict; what they return is a column called as they are.
        schema: What each answer shall be, as in `ask`.
        progress: Show how far it is. Default None: in a notebook and a terminal.
        options_of_map: Parameters of `ask` and `map`. A list of values makes combinations:
            `temperature=[0.3, 1.0]`; where one value is a list itself (stop, attach), a list of lists.

    Returns:
        A `MapResult` whose rows are the combinations; `agreement` says how far the answers agree.

    Raises:
        KimiUsageError: Something cannot be used; nothing was sent.
        KimiError: No combination could be answered, for a reason that holds for all.
    """
    given = {"models": models, "samples": samples, "graders": graders, "schema": schema}
    with in_words_of(PYTHON_WORDS):
        planned = _grid(prompts, given, options_of_map)
        return planned.run(None if progress is False else _batch_view())  # type: ignore[return-value]


async def agrid(
    prompts: str | Sequence[str] | Mapping[str, str],
    *,
    models: str | Sequence[str] | None = None,
    samples: int = 1,
    graders: Grader | Sequence[Grader] | Mapping[str, Grader] = (),
    schema: object = None,
    progress: bool | None = None,
    **options_of_map: Any,
) -> GridResult[Any]:
    """`grid` for code in an event loop, which stays free. A cancellation stays one; answers are kept.

    The parameters are those of `grid`.

    Raises:
        KimiError: As `grid`.
        asyncio.CancelledError: The awaiting task was cancelled.
    """
    given = {"models": models, "samples": samples, "graders": graders, "schema": schema}
    with in_words_of(PYTHON_WORDS):
        planned = _grid(prompts, given, options_of_map)
        return await planned.arun(None if progress is False else _batch_view())  # type: ignore[return-value]


def estimate(prompt: str | Callable[[dict[str, Any]], Any], data: Any, **given: Any) -> Work:
    """What `map` would send; nothing is sent.

    The parameters are those of `map`.

    Returns:
        Printed, it says how many rows, how many of them distinct and answered before, and what they cost;
        `first` is the first request, `prompt_tokens` and `cost` (US dollars) are the estimates.

    Raises:
        KimiUsageError: As `map`.
    """
    with in_words_of(PYTHON_WORDS):
        return _map(prompt, data, {**given, "progress": False})[0].work


@overload
def read(
    text: str, *, schema: type[T], finish_reason: str | None = None, notices: list[str] | None = None
) -> T: ...
@overload
def read(
    text: str, *, schema: TypeForm[T], finish_reason: str | None = None, notices: list[str] | None = None
) -> T: ...
@overload
def read(
    text: str, *, schema: object = None, finish_reason: str | None = None, notices: list[str] | None = None
) -> Any: ...
def read(
    text: str,
    *,
    schema: object = None,
    finish_reason: str | None = None,
    notices: list[str] | None = None,
) -> Any:
    """Read the JSON in a text as the answer to a question is read; nothing is sent.

    For an answer that was kept, or came from elsewhere: fences, prose, slips and types are treated alike.

    Parameters:
        text: The text of an answer.
        schema: What it shall be, as in `ask`. Default None: the JSON as it is.
        finish_reason: Why the answer ended, as far as it is known. What was cut ("length") is no value.
        notices: A list that sentences about what was forgiven and left out are added to. Default None.

    Returns:
        What `ask` gives as `Reply.data`.

    Raises:
        KimiJSONError: It is no JSON, or does not fit; `value`, `path` and `faults` say more.
        KimiUsageError: The schema is none.
    """
    with in_words_of(PYTHON_WORDS):
        wanted = None if schema is None else structured.schema_of(schema, {})
        answer = structured.read(text, wanted, finish_reason)
    if notices is not None:
        notices.extend(answer.notices)
    return answer.data


def chat(name: str | None = None) -> Conversation:
    """A conversation of this kernel, to look at and to change.

    Parameters:
        name: Its name; one that is new begins a conversation. Default None: the one that prompts continue.

    Returns:
        The conversation itself: iterate over it for its turns, `messages` is what the next prompt sends ahead
        of itself, `fork` copies it; `ask(history=...)` takes it.

    Raises:
        KimiUsageError: The name is empty, or longer than 60 characters.
    """
    with in_words_of(PYTHON_WORDS):
        return kernel.current.chat(None if name is None else options.BY_NAME["chat"].check(name, "name"))


def usage_records() -> list[dict[str, Any]]:
    """What each request of this kernel used, one dict each, ready for `pandas.DataFrame`.

    The keys: `time` (UTC), `model`, `host`, `state` (complete, interrupted or failed), `finish_reason`;
    tokens as the service counted them, None where it did not: `prompt`, and of them `cached` (read from the
    cache) and `written` (to it), `completion`, and of them `reasoning`; `cost` in US dollars, an estimate,
    None where unknown and offline; `seconds`, and in seconds since the request was begun `connect`,
    `first_byte`, `first_reasoning`, `first_answer` and `longest_silence`, with `verdict`, a word on them. An
    answer that was asked for again has a row for each request.
    """
    return kernel.current.ledger.rows()


def _plan(prompt: Any, values: dict[str, Any]) -> Plan:
    if not isinstance(prompt, str | list | tuple):
        raise KimiUsageError(f"prompt {prompt!r}: expected a text, got {type(prompt).__name__}")
    names = mapping.names_of_notebook() if kernel.current.settings["tool"] else {}
    return kernel.current.plan(prompt, options.check(values, options.PYTHON), names, stands_alone=True)


def _grid(prompts: Any, given: Mapping[str, Any], options_of_map: Mapping[str, Any]) -> mapping.Run:
    """A planned grid; `given` holds the parameters of its own."""
    models, samples = given["models"], given["samples"]
    if not isinstance(samples, int) or samples < 1:
        raise KimiUsageError(f"samples {samples!r}: expected a whole number of at least 1")
    of_map = {option.name for option in options.at(options.MAP)}
    axes = {"model": [models] if isinstance(models, str) else list(models)} if models is not None else {}
    values = {"schema": given["schema"]}
    for name, value in options_of_map.items():
        is_list = isinstance(value, list | tuple) and name not in of_map
        holds_lists = is_list and all(isinstance(each, list | tuple) for each in value)
        if holds_lists if name in ("stop", "attach") else is_list:
            axes[name] = list(value)
        else:
            values[name] = value
    if empty := [name for name, axis in axes.items() if not axis]:
        raise KimiUsageError(f"{empty[0]} []: expected at least one value")
    return mapping.over_combinations(
        mapping.named_prompts(prompts),
        axes,
        options.check(values, options.PYTHON, options.MAP),
        samples=samples,
        graders=mapping.named_graders(given["graders"]),
    )


def _map(prompt: Any, data: Any, given: dict[str, Any]) -> tuple[mapping.Run, Any]:
    """A planned map, and where it is shown how far it is."""
    checked, progress = _checked(given)
    planned = mapping.over_rows(prompt, data, checked)
    return planned, None if progress is False else _batch_view()


def _checked(given: dict[str, Any]) -> tuple[dict[str, Any], bool | None]:
    """The checked options of a map, and whether it is shown how far it is."""
    more = given.pop("options_of_ask", {})
    progress = given.pop("progress", None)
    return options.check({**given, **more}, options.PYTHON, options.MAP), progress


def _batch_view() -> Any:
    from kimi_magic import view

    return view.choose_batch()
