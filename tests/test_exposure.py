"""The key: it goes to its own host alone, encrypted, and comes back from nowhere, in whatever dress."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import traceback
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.ultratb import VerboseTB

import kimi_magic
from kimi_magic import addresses, hosts, kernel, options
from kimi_magic.client import Client, Connection
from kimi_magic.client.transports import Bearer
from kimi_magic.configure import configure
from kimi_magic.errors import KimiAuthError, KimiError, KimiUsageError
from kimi_magic.keys import MASK, PIECE, Key, looks_like_a_key
from kimi_magic.options import CELL, CONFIG, PYTHON
from kimi_magic.options.advice import COMMAND_WORDS, PYTHON_WORDS, in_words_of
from kimi_magic.settings import Settings

from .peers import Recorder
from .turns import GrowingTurn

SECRET = "sk-0123456789abcdefWXYZ"
PUBLIC = [
    "service.example", "8.8.8.8", "0.0.0.0", "100.64.0.1", "[2001:db8::1]", "10.0.0.1.evil.example",
    "192.168.0.1.nip.example", "127.1", "2130706433", "0x0a000001", "010.0.0.1", "10.0.0.256", "10.0.0",
    "evil-lan", "lan.example", "local", "a.localx", "127.0.0.1.", "１０.0.0.1",
]  # fmt: skip
NO_NAME = ("local", "evil-lan")  # names without a dot, whatever they are
PRIVATE = [
    "ollama", "OLLAMA:11434", "box.local", "box.local.", "gpu.lan:8000", "llm.corp.internal", "a.home.arpa",
    "10.0.0.1", "172.16.0.1", "172.31.255.255:1", "192.168.1.20:11434", "169.254.1.1", "[fe80::1]",
    "[fd00::1]:8000", "[::ffff:192.168.1.20]", *NO_NAME,
]  # fmt: skip
LOOPBACK = ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000", "[::ffff:127.0.0.1]"]
PUBLIC = [host for host in PUBLIC if host not in NO_NAME]


def at(address: str, **more: object) -> Settings:
    chosen = Settings()
    chosen.update({"base_url": address, **more})
    return chosen


# ---- where things may go ----


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_is_asked_over_http_only_where_that_is_allowed(host: str) -> None:
    with pytest.raises(KimiUsageError, match="is not encrypted") as caught:
        at(f"http://{host}").connection()
    assert "{@allow_http}" in caught.value.hint
    allowed = at(f"http://{host}", allow_http=True).connection()
    assert not allowed.key
    assert "prompt and answer" in allowed.exposure


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_asked_without_a_key_and_with_a_notice(host: str) -> None:
    connection = at(f"http://{host}").connection()
    assert not connection.key
    assert f"{connection.host}: whoever is on it can read prompt and answer." in connection.exposure
    assert at(f"https://{host}").connection().exposure == ""


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_is_asked_over_http_with_or_without_a_key(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at(f"http://{host}").connection().exposure == ""
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", f"http://{host}")
    connection = Settings().connection()
    assert connection.key
    assert connection.exposure == ""


@pytest.mark.parametrize("host", [*PUBLIC, *PRIVATE])
def test_a_key_never_goes_over_http_unless_that_is_allowed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", f"http://{host}")
    with pytest.raises(KimiUsageError, match="could read the key from EVOLINK_API_KEY") as caught:
        Settings().connection()
    assert SECRET not in str(caught.value)
    (key_row, *_) = Settings().table()
    assert key_row == ("key", MASK, "EVOLINK_API_KEY, not sent over http")
    chosen = Settings()
    chosen.update({"allow_http": True})
    assert "key, prompt and answer" in chosen.connection().exposure
    assert Settings().options({"allow_http": True}).allow_http


@given(st.from_regex(r"[a-z0-9.:\-\[\]]{1,30}", fullmatch=True))
def test_no_address_is_in_two_places(host: str) -> None:
    try:
        address = hosts.base_url(f"http://{host}")
    except KimiUsageError:
        return
    assert not (addresses.is_loopback(address) and addresses.is_private(address))


@pytest.mark.parametrize("line", ["--models", "--check", "--balance"])
def test_asking_about_the_service_sends_no_key_over_http_either(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
    monkeypatch.setenv("MOONSHOT_BASE_URL", "http://llm.example")
    with kernel.fresh(), pytest.raises(KimiUsageError, match="is not encrypted"):
        configure(line)


def test_what_is_told_names_the_option_of_the_way_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    monkeypatch.setenv("EVOLINK_BASE_URL", "http://llm.example")
    with kernel.fresh():
        with pytest.raises(KimiUsageError) as python:
            kimi_magic.ask("2+2?")
        with pytest.raises(KimiUsageError) as command, in_words_of(COMMAND_WORDS):
            kernel.current.plan("2+2?", {})
    assert "allow_http=True" in python.value.hint
    assert "--allow-http" in command.value.hint


def test_the_client_keeps_the_key_where_nobody_else_has_looked() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    async def go(connection: Connection) -> None:
        client = Client({"network": lambda: httpx.MockTransport(answer)})
        try:
            await client.models(connection)
        finally:
            await client.aclose()

    with pytest.raises(KimiUsageError, match="is not encrypted"):
        asyncio.run(go(Connection("http://llm.example/v1", Key(SECRET))))
    assert sent == []
    with pytest.raises(KimiError):
        asyncio.run(go(Connection("http://llm.example/v1", Key(SECRET), allows_http=True)))
    assert sent[0].headers["Authorization"] == f"Bearer {SECRET}"


def test_a_notice_of_what_can_be_read_is_given_once() -> None:
    with kernel.fresh(base_url="http://box.local"):
        first, second = (kernel.current.plan("2+2?", {}).turn.notices for _ in range(2))
    assert first == (at("http://box.local").connection().exposure,)
    assert second == ()


def test_asking_an_own_network_for_its_models_says_that_nothing_is_encrypted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Recorder(body={"data": [{"id": "m"}]}) as recorder, kernel.fresh(base_url=recorder.base_url):
        configure("--models")
    assert capsys.readouterr().out == "m\n"  # on this machine nothing is said
    with kernel.fresh(base_url="http://ollama.invalid.local:1"), pytest.raises(KimiError):
        configure("--models")
    assert capsys.readouterr().out.startswith("Nothing is encrypted on the way to ollama.invalid.local:1")


def test_a_traceback_with_all_variables_holds_no_header_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    with Recorder(500, body={"error": {"message": "no"}}) as recorder:
        monkeypatch.setenv("EVOLINK_BASE_URL", recorder.base_url)
        with kernel.fresh():
            try:
                kimi_magic.ask("2+2?", timeout=0.5)
            except KimiError as error:
                shown = VerboseTB().text(type(error), error, error.__traceback__)
                plain = "".join(
                    traceback.TracebackException.from_exception(error, capture_locals=True).format()
                )
    assert recorder.requests[0].authorization == f"Bearer {SECRET}"
    assert SECRET not in shown + plain
    assert SECRET not in repr(Bearer(Connection("https://a.example/v1", Key(SECRET))))


def test_the_status_names_a_host_that_is_not_in_the_table() -> None:
    from kimi_magic.view import words

    turn = GrowingTurn("m")
    turn.steps[-1].host = "api.evolink.ai"
    assert words.status(turn).startswith("m · connecting")
    turn.steps[-1].host = "evil.example\u202e$x$"
    assert words.status(turn).startswith("m at evil.example⟨U+202E⟩$x$ · connecting")


# ---- in whatever dress ----


def spaced(text: str) -> str:
    return " ".join(text)


DRESSES = {
    "as it is": str,
    "capitals": str.upper,
    "small letters": str.lower,
    "blanks": spaced,
    "line ends": "\n".join,
    "no width": "\u200b".join,
    "halves": lambda text: f"{text[:12]} {text[12:]}",
    "percent": lambda text: "".join(f"%{ord(sign):02X}" for sign in text),
    "quoted": lambda text: quote(text, safe=""),
    "HTML": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "hex HTML": lambda text: "".join(f"&#x{ord(sign):x};" for sign in text),
    "JSON": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a header": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
    "base64 of a pair": lambda text: base64.urlsafe_b64encode(f"a:{text}".encode()).decode(),
    "base64 with blanks": lambda text: spaced(base64.b64encode(f"ab:{text}!".encode()).decode()),
}
# Keys as services make them; the second one needs to be quoted in an address.
KEYS = [SECRET, "ABSKQmVkcm9jayt/abc+def/ghi=jkl012==", "3b241101-e2bb-4255-8caf-4136c566a962"]
BLIND = re.compile(r"[\s\u200b]+")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dress", DRESSES)
def test_a_key_in_any_dress_is_masked(dress: str, key: str) -> None:
    dressed = DRESSES[dress](key)
    shown = Key(key).redact(f"It was {dressed}, you know.")
    assert MASK in shown
    assert dressed not in shown
    left = BLIND.sub("", shown.replace(MASK, ""))
    assert len(left) < len("Itwas,youknow.") + 16  # of base64 the edges, which hold what stands beside
    assert shown.startswith("It was ")
    assert shown.endswith(", you know.")


@settings(deadline=None)
@given(st.sampled_from(KEYS), st.integers(0, 40), st.integers(PIECE, 40), st.text(max_size=30))
def test_a_piece_of_a_key_is_masked(key: str, start: int, size: int, around: str) -> None:
    piece = key[start : start + size]
    if len(piece) >= PIECE:
        assert piece not in Key(key).redact(f"{around}{piece}{around}")


@given(st.integers(4, 30), st.text(max_size=20))
def test_a_key_that_is_cut_at_the_end_of_a_text_is_masked(size: int, before: str) -> None:
    assert SECRET[:size] not in Key(SECRET).redact(before + SECRET[:size])


@given(st.text())
def test_a_text_without_the_key_stays_as_it_is(text: str) -> None:
    assert Key("~unlikely~key~0123~").redact(text) == text


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.sampled_from(sorted(DRESSES)))
def test_no_cut_of_an_excerpt_shows_a_piece_of_the_key(before: int, dress: str) -> None:
    connection = Connection("https://a.example/v1", Key(SECRET))
    shown = connection.excerpt("x" * before + DRESSES[dress](SECRET) + " end")
    squeezed = BLIND.sub("", shown).lower()
    assert not any(SECRET[at : at + PIECE].lower() in squeezed for at in range(len(SECRET)))


def test_a_short_key_is_a_word_and_masked_only_as_it_is() -> None:
    assert Key("ollama").redact("Ollama says: ollama") == "Ollama says: ***"


# ---- what was typed in the wrong place ----

TOOL = {"type": "function", "function": {"name": "f" * 40, "description": "", "parameters": {}}}

TYPED = [
    SECRET, "sk-or-v1-" + "0123456789abcdef" * 4, "3b241101-e2bb-4255-8caf-4136c566a962",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "0123456789abcdef0123456789abcdef", "gsk_abc123def456ghi789",
    "hf_abcdefgh1234567890", "AKIAABCDEFGHIJKL0123", "ABSKQmVkcm9ja0FQSUtleS1hYmNkZWZnaGlqaw==",
]  # fmt: skip
FLAGS = [
    "--login {}", "--login={}", "--host {}", "--host={}", "--base-url {}", "--base-url https://{}.example",
    "--base-url https://a.example/{}/v1", "-m {}", "-m{}", "--model={}", "-s {}", "--unset {}", "--env {}",
    "--budget {}", "--timeout {}", "--effort {}", "--offline={}", "--{}", "-{}", "{}", "--what={}",
    "--api-key {}", "--token={}", "--stop {}", "--response-format {}", "--tools {}", "-s '{}",
    "--schema-mode {}",
]  # fmt: skip


@pytest.mark.parametrize("key", TYPED)
@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("door", [CELL, CONFIG])
def test_what_looks_like_a_key_is_never_repeated(door: str, flag: str, key: str) -> None:
    assert looks_like_a_key(key)
    with pytest.raises(KimiUsageError) as caught:
        options.parse(options.split(flag.format(key)), options.at(door))
    assert not any(key[at : at + PIECE] in str(caught.value) for at in range(len(key) - PIECE))


@pytest.mark.parametrize("line", ["--login my-own-word", "--login=my-own-word", "--login 12345"])
def test_whatever_follows_login_is_not_repeated(line: str) -> None:
    with pytest.raises(KimiUsageError, match="looks like a key") as caught:
        options.parse(options.split(line), options.at(CONFIG))
    assert "Delete this cell" in caught.value.hint
    assert line[-5:] not in str(caught.value)


def test_a_key_that_is_set_is_known_whatever_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", "my own pass phrase")
    with pytest.raises(KimiUsageError, match="looks like a key"):
        options.parse(["-m", "my own pass phrase"], options.at(CELL))


@pytest.mark.parametrize("name", ["model", "host", "base_url", "system", "timeout"])
def test_a_key_among_the_parameters_of_ask_is_not_repeated(name: str) -> None:
    with pytest.raises(KimiUsageError) as caught, in_words_of(PYTHON_WORDS):
        options.check({name: SECRET}, PYTHON)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "-m accounts/fireworks/models/kimi-k3p1-pro", "-m moonshotai/Kimi-K2-Instruct-0905-GGUF-Q4_K_M",
        "-m kimi-k2-thinking-turbo-20251101", "-s 'What is sk-0123456789abcdef?'", "--stop sk-",
        "-a https://a.example/0123456789abcdef0123456789abcdef.png",
        "-a data:image/png;base64," + "iVBORw0KGgo" * 9,
        "--tools '" + json.dumps([TOOL]) + "'",
    ],
)  # fmt: skip
def test_names_texts_and_addresses_are_no_keys(line: str) -> None:
    options.parse(options.split(line), options.at(CELL))


def test_every_model_and_host_that_we_know_can_be_typed() -> None:
    from kimi_magic import models

    names = [*models.table().models, *(each.model for each in hosts.PROVIDERS.values()), *hosts.PROVIDERS]
    assert not [name for name in names if looks_like_a_key(name, in_part=True)]


def test_a_question_with_a_key_in_it_is_a_question() -> None:
    words, prompt = options.split_prompt(f"-t 1 why is {SECRET} refused?", options.at(CELL))
    options.parse(words, options.at(CELL))
    assert prompt == f"why is {SECRET} refused?"


def test_no_key_is_needed_to_say_that_there_is_none() -> None:
    with pytest.raises(KimiAuthError):
        at("https://service.example").connection()


def test_masking_costs_as_much_as_a_text_is_long() -> None:
    text = "".join(random.Random(1).choices("sk-0123456789abcdefWXYZ %&#;", k=1_000))
    assert len(Key(SECRET).redact(text * 40)) <= len(text) * 40
