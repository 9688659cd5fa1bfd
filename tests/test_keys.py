"""Where keys are from: a file, the keyring, the secrets of Colab; and each key goes to its own host alone."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import addresses, hosts, kernel, options
from kimi_magic.configure import configure
from kimi_magic.errors import KimiAuthError, KimiUsageError
from kimi_magic.options.advice import PYTHON_WORDS, in_words_of
from kimi_magic.settings import CONFIG, KEYRING, LOGIN, Settings

from .peers import Recorder

EVOLINK, MOONSHOT = "https://api.evolink.ai/v1", "https://api.moonshot.ai/v1"
SECRET, OTHER = "sk-0123456789abcdefWXYZ", "sk-ffffffffffffffffVUTS"
URLS = [variable for host in hosts.PROVIDERS.values() for variable in host.url_variables]


def connected(chosen: Settings) -> tuple[str, str, str]:
    connection = chosen.connection()
    return connection.base_url, connection.key.reveal(), connection.key_source


def with_file(path: Path, text: str | bytes, **more: object) -> Settings:
    """Settings after `--env` with a file of this text."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    chosen = Settings()
    chosen.update({"env_file": str(path), **more})
    return chosen


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.env"


# ---- a file that was named ----


@pytest.mark.parametrize(
    "line",
    [
        f"EVOLINK_API_KEY={SECRET}",
        f"export EVOLINK_API_KEY={SECRET}",
        f"EVOLINK_API_KEY='{SECRET}'",
        f'\ufeff# keys\n\nEVOLINK_API_KEY = "{SECRET}"  # mine\nOTHER=1',
        f"EVOLINK_API_KEY={SECRET}\r\n",
    ],
)
def test_a_key_is_read_from_a_file_that_was_named(file: Path, line: str) -> None:
    chosen = with_file(file, line)
    assert connected(chosen) == (EVOLINK, SECRET, f"EVOLINK_API_KEY in {file}")
    assert chosen.file_words() == f"Keys: EVOLINK_API_KEY in {file}."
    assert [name for name, _, _ in chosen.table()][:5] == ["key", "host", "base_url", "model", "env_file"]
    assert SECRET not in str(chosen.table())


def test_no_file_is_read_that_was_not_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.with_name(".env").write_text(f"EVOLINK_API_KEY={SECRET}\n")
    monkeypatch.chdir(file.parent)
    with pytest.raises(KimiAuthError):
        Settings().connection()


def test_a_file_that_was_named_beats_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", OTHER)
    assert connected(with_file(file, f"EVOLINK_API_KEY={SECRET}"))[1] == SECRET
    chosen = with_file(file, f"MOONSHOT_API_KEY={SECRET}")
    assert connected(chosen)[:2] == (MOONSHOT, SECRET)
    chosen.unset("env")
    assert connected(chosen)[:2] == (EVOLINK, OTHER)


def test_nothing_of_a_file_enters_the_environment(file: Path) -> None:
    before = dict(os.environ)
    with_file(file, f"EVOLINK_API_KEY={SECRET}\nPATH=/evil\nHTTPS_PROXY=http://evil.example").connection()
    assert dict(os.environ) == before


def test_nothing_in_a_file_is_expanded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_ANOTHER", "sk-of-another")
    chosen = with_file(file, 'EVOLINK_API_KEY="sk-$SECRET_OF_ANOTHER-${SECRET_OF_ANOTHER}"')
    assert connected(chosen)[1] == "sk-$SECRET_OF_ANOTHER-${SECRET_OF_ANOTHER}"


def test_an_address_in_a_file_counts_only_with_the_key_beside_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f"EVOLINK_API_KEY={SECRET}\nEVOLINK_BASE_URL=https://proxy.example"
    assert connected(with_file(file, both))[:2] == ("https://proxy.example/v1", SECRET)
    monkeypatch.setenv("EVOLINK_API_KEY", OTHER)
    planted = "EVOLINK_BASE_URL=https://evil.example\nMOONSHOT_BASE_URL=https://evil.example"
    assert connected(with_file(file, planted)) == (EVOLINK, OTHER, "EVOLINK_API_KEY")
    monkeypatch.setenv("EVOLINK_BASE_URL", "https://of-the-environment.example")
    assert connected(with_file(file, f"EVOLINK_API_KEY={SECRET}"))[:2] == (EVOLINK, SECRET)


PLACES = st.sampled_from(["https://evil.example/v1", "https://api.moonshot.ai/v1", "http://127.0.0.1:9/v1"])


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(URLS), PLACES),
    st.sets(st.sampled_from(hosts.KEY_VARIABLES)),
    st.sampled_from([None, *hosts.PROVIDERS]),
)
def test_a_planted_file_never_leads_a_key_of_the_environment_elsewhere(
    tmp_path_factory: pytest.TempPathFactory, urls: dict[str, str], keys: set[str], host: str | None
) -> None:
    text = "".join(f"{name}={value}\n" for name, value in urls.items())
    text += "".join(f"{name}=sk-of-the-file\n" for name in keys)
    file = tmp_path_factory.getbasetemp() / "planted.env"
    with pytest.MonkeyPatch.context() as patch:
        for variable in hosts.KEY_VARIABLES:
            patch.setenv(variable, "sk-of-the-environment")
        try:
            address, key, _ = connected(with_file(file, text, **({"host": host} if host else {})))
        except KimiAuthError:
            return  # none goes anywhere
    own = {addresses.origin(each.base_url) for each in hosts.PROVIDERS.values()}
    if key == "sk-of-the-environment":
        assert addresses.origin(address) in own


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no such file"),
        (b"EVOLINK_API_KEY=\xff\xfe", "cannot be read"),
        (b"#" * (2**20 + 1), "at most 1,048,576 are read"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_nothing_is_changed(
    file: Path, text: bytes | None, words: str
) -> None:
    if text is not None:
        file.write_bytes(text)
    chosen = Settings()
    with pytest.raises(KimiUsageError, match=words) as caught:
        chosen.update({"env_file": str(file), "model": "new"})
    assert caught.value.message.startswith("--env ")
    assert "\n" not in caught.value.message
    assert (chosen["env_file"], chosen["model"]) == (None, None)


def test_a_file_without_a_known_key_is_told_with_the_variables_that_are_known(file: Path) -> None:
    words = with_file(file, "OPENAI_API_KEY=sk-of-somebody-else").file_words()
    assert words.startswith(f"No known key is in {file}; known are EVOLINK_API_KEY, ")
    assert "sk-" not in words


def test_the_file_may_be_named_in_the_ipython_configuration_and_is_read_when_it_is_used(file: Path) -> None:
    chosen = Settings()
    chosen.load({"env_file": str(file)})
    with pytest.raises(KimiUsageError, match="no such file"):
        chosen.connection()
    assert chosen.connection(chosen.options({"offline": True})).is_simulated
    file.write_text(f"EVOLINK_API_KEY={SECRET}")
    assert connected(chosen)[1] == SECRET


# ---- the keyring of the system ----


class Drawer(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def _unlock(self) -> None:
        if self.is_locked:
            raise keyring.errors.KeyringLocked

    def get_password(self, service: str, username: str) -> str | None:
        self._unlock()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._unlock()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._unlock()
        if self.entries.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    before, drawer = keyring.get_keyring(), Drawer()
    keyring.set_keyring(drawer)
    yield drawer
    keyring.set_keyring(before)


def test_a_login_says_in_one_line_where_the_key_is_and_for_whom(drawer: Drawer) -> None:
    chosen = Settings()
    assert chosen.login(SECRET) == "The key is kept in memory, for https://api.evolink.ai."
    assert drawer.entries == {}
    line = chosen.login(SECRET, remember=True)
    assert line == "The key is kept in memory and in the keyring of the system, for https://api.evolink.ai."
    assert SECRET not in line


def test_a_remembered_key_is_used_by_the_next_kernel_for_its_own_host_alone(drawer: Drawer) -> None:
    chosen = Settings()
    chosen.update({"host": "moonshot"})
    chosen.login(SECRET, remember=True)
    later = Settings()
    with pytest.raises(KimiAuthError):
        later.connection()
    later.update({"host": "moonshot"})
    assert connected(later) == (MOONSHOT, SECRET, KEYRING)
    assert later.table()[0] == ("key", "***", KEYRING)


def test_a_typed_key_and_one_of_the_environment_beat_a_remembered_one(
    drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Settings().login(SECRET, remember=True)
    later = Settings()
    monkeypatch.setenv("EVOLINK_API_KEY", OTHER)
    assert connected(later)[1:] == (OTHER, "EVOLINK_API_KEY")
    later.login("sk-typed-0123456789")
    assert connected(later)[2] == LOGIN


def test_a_remembered_key_is_forgotten_in_both_places(drawer: Drawer) -> None:
    chosen = Settings()
    chosen.login(SECRET, remember=True)
    chosen.unset("login")
    assert drawer.entries == {}
    with pytest.raises(KimiAuthError):
        chosen.connection()
    chosen.unset("login")  # and once more changes nothing


def test_a_keyring_that_is_locked_or_missing_costs_one_line_and_no_key(drawer: Drawer) -> None:
    drawer.is_locked = True
    chosen = Settings()
    with pytest.raises(KimiAuthError):
        chosen.connection()
    with pytest.raises(KimiUsageError, match=r"KeyringLocked.*kept in memory only") as caught:
        chosen.login(SECRET, remember=True)
    assert SECRET not in str(caught.value)
    assert connected(chosen) == (EVOLINK, SECRET, LOGIN)


def test_a_service_on_this_machine_asks_no_keyring(drawer: Drawer) -> None:
    drawer.entries["kimi_magic", "http://127.0.0.1:11434"] = SECRET
    chosen = Settings()
    chosen.update({"host": "ollama"})
    assert connected(chosen)[1] == ""


# ---- the secrets of Colab ----


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Colab's module, with secrets that a test fills in, and the names that were asked for."""
    state = types.SimpleNamespace(secrets={}, asked=[])

    def get(name: str) -> str:
        state.asked.append(name)
        if name not in state.secrets:
            raise LookupError(f"Secret {name} does not exist.")
        return state.secrets[name]

    google, module = types.ModuleType("google"), types.ModuleType("google.colab")
    module.userdata = types.SimpleNamespace(get=get)
    google.colab = module
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", module)
    return state


def test_a_secret_of_colab_is_used_where_there_is_no_other_key(colab: types.SimpleNamespace) -> None:
    colab.secrets["MOONSHOT_API_KEY"] = SECRET
    chosen = Settings()
    assert connected(chosen) == (MOONSHOT, SECRET, "MOONSHOT_API_KEY in the secrets of Colab")
    assert chosen.options({}).model == "kimi-k3.1-pro"
    asked = len(colab.asked)
    chosen.connection()
    assert len(colab.asked) == asked  # each is asked for once


def test_colab_is_not_asked_where_another_key_is_or_none_is_needed(
    colab: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = Settings()
    offline.update({"offline": True})
    offline.connection()
    local = Settings()
    local.update({"host": "ollama"})
    local.connection()
    monkeypatch.setenv("EVOLINK_API_KEY", OTHER)
    assert connected(Settings())[1] == OTHER
    assert colab.asked == []


def test_colab_is_asked_for_the_variables_of_the_host_that_is_named(colab: types.SimpleNamespace) -> None:
    colab.secrets |= {"TOGETHER_API_KEY": SECRET, "EVOLINK_API_KEY": OTHER}
    chosen = Settings()
    chosen.update({"host": "together"})
    assert connected(chosen)[1] == SECRET
    assert colab.asked == ["TOGETHER_API_KEY"]


def test_loading_and_warming_up_ask_nobody(colab: types.SimpleNamespace, drawer: Drawer) -> None:
    drawer.is_locked = True
    with pytest.raises(KimiAuthError):
        Settings().connection(asks=False)
    assert colab.asked == []


# ---- a host for one call ----


def test_a_call_names_its_host_and_gets_that_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder() as evolink, Recorder() as moonshot:
        for name, recorder, key in (("EVOLINK", evolink, SECRET), ("MOONSHOT", moonshot, OTHER)):
            monkeypatch.setenv(f"{name}_API_KEY", key)
            provider = hosts.PROVIDERS[name.lower()]._replace(base_url=recorder.base_url)
            monkeypatch.setitem(hosts.PROVIDERS, name.lower(), provider)
        with kernel.fresh():
            kimi_magic.ask("2+2?", host="moonshot")
            kimi_magic.ask("2+2?")
    assert moonshot.only.authorization == f"Bearer {OTHER}"
    assert moonshot.only.body["model"] == "kimi-k3.1-pro"
    assert evolink.only.authorization == f"Bearer {SECRET}"
    assert evolink.only.body["model"] == "kimi-k2-thinking"


def test_a_call_names_its_address_and_gets_no_key_of_another_also_while_the_kernel_is_offline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    with Recorder() as recorder, kernel.fresh(offline=True, host="evolink"):
        assert kimi_magic.ask("2+2?", base_url=recorder.base_url).text == "Four."
        assert recorder.only.authorization == ""
        with pytest.raises(KimiAuthError, match=r"no API key for https://proxy\.example") as caught:
            kimi_magic.ask("2+2?", base_url="https://proxy.example")
        assert SECRET not in str(caught.value)
        assert kimi_magic.ask("2+2?", base_url="https://proxy.example", offline=True).turn.step.simulated


def test_a_host_for_a_call_displaces_an_address_of_the_kernel_and_the_other_way_round() -> None:
    chosen = Settings()
    chosen.update({"base_url": "https://proxy.example"})
    assert chosen.options({"host": "moonshot"}).base_url == MOONSHOT
    chosen.unset("base_url")
    chosen.update({"host": "moonshot"})
    decided = chosen.options({"base_url": "https://proxy.example"})
    assert (decided.base_url, decided.host) == ("https://proxy.example/v1", "")


def test_a_wrong_host_or_address_of_a_call_is_told_in_its_own_words() -> None:
    with in_words_of(PYTHON_WORDS):
        with pytest.raises(KimiUsageError, match=r"^host 'nobody': expected one of evolink"):
            kimi_magic.ask("2+2?", host="nobody")
        with pytest.raises(KimiUsageError, match=r"^base_url 'nonsense'"):
            kimi_magic.ask("2+2?", base_url="nonsense")


# ---- online again, and what is printed ----


def test_online_again_is_an_option_and_so_it_is_for_one_cell() -> None:
    values, _ = options.parse(["--no-offline"], options.at(options.CONFIG))
    assert values == {"offline": False}
    chosen = Settings()
    chosen.update({"offline": True})
    assert chosen.options(options.parse(["--no-offline"], options.at(options.CELL))[0]).offline is False
    chosen.update(values)
    assert chosen.options({}).offline is False
    assert "--offline, --no-offline" in options.help_text("x", "y", options.at(options.CONFIG))


def test_config_prints_the_place_first_and_folds_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with kernel.fresh(temperature=0.5):
        configure("")
        shown = capsys.readouterr().out
        configure("--all")
        whole = capsys.readouterr().out
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines[:6]] == [
        "setting",
        "key",
        "host",
        "base_url",
        "model",
        "temperature",
    ]
    assert lines[-1] == "All others have their defaults: %kimi_config --all"
    assert CONFIG in shown
    assert "timeout" in whole
    assert "timeout" not in shown
    assert "All others" not in whole


def test_config_says_which_keys_a_file_has(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(f"EVOLINK_API_KEY={SECRET}")
    with kernel.fresh():
        configure(f"--env '{file}'")
        assert capsys.readouterr().out == f"Keys: EVOLINK_API_KEY in {file}.\n"
        assert connected(kernel.current.settings)[1] == SECRET
