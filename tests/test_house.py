"""The floors, the style and the load budget of the package."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kimi_magic"

# Imports only go down; inside a floor only as written here, from the upper to the lower.
FLOORS = [
    ["__init__"],
    ["__main__", "demo", "magics", "session", "config", "options"],
    ["view"],
    ["turn", "conversation", "request", "structured"],
    ["bridge", "client", "simulator"],
    ["markdown", "images", "sse", "json_text", "schema", "frames"],
    ["messages", "choices", "models", "usage", "keys", "errors"],
]
ALLOWED_WITHIN = {
    ("__main__", "session"), ("__main__", "options"), ("__main__", "demo"),
    ("magics", "session"), ("magics", "config"), ("magics", "options"),
    ("session", "config"), ("session", "options"), ("config", "options"),
    ("turn", "conversation"), ("turn", "structured"), ("schema", "json_text"),
    ("messages", "usage"), ("messages", "choices"), ("messages", "models"), ("usage", "models"),
}  # fmt: skip
HOSTS = {"IPython": {"magics", "view"}, "ipywidgets": {"view"}, "uvicorn": {"simulator"}}


def rooms() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(path)
    return found


def imports(path: Path) -> list[tuple[str, str]]:
    """(top-level package, room of ours or empty) of every import, also those inside functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                modules = [name.name for name in names]
            case ast.ImportFrom(module="kimi_magic", names=names, level=0):
                modules = [f"kimi_magic.{name.name}" for name in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                continue
        for module in modules:
            package, *rest = module.split(".")
            room = rest[0] if package == "kimi_magic" and rest else ""
            found.append((package, "" if room == "__version__" else room))
    return found


def test_every_room_stands_on_a_floor():
    assert sorted(rooms()) == sorted(room for floor in FLOORS for room in floor)


def test_imports_only_go_down():
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    wrong = []
    for room, paths in rooms().items():
        for path in paths:
            for _, other in imports(path):
                if other in ("", room) or room == "__init__":
                    continue
                down = floor_of[other] > floor_of[room]
                if not down and (room, other) not in ALLOWED_WITHIN:
                    wrong.append(f"{path.name} imports {other}")
    assert wrong == []


def test_the_simulator_shares_no_code_with_what_it_tests():
    for path in rooms()["simulator"]:
        assert {other for _, other in imports(path)} <= {"", "simulator"}, path


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_hosts_are_imported_only_where_they_belong(host: str):
    users = {room for room, paths in rooms().items() for path in paths if host in dict(imports(path))}
    assert users == HOSTS[host]


def test_field_names_of_the_service_live_in_messages_alone():
    names = {"reasoning_content", "finish_reason", "prompt_tokens", "completion_tokens", "include_usage"}
    for room, paths in rooms().items():
        if room in ("messages", "simulator"):
            continue
        for path in paths:
            text = [node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                    if isinstance(node, ast.Constant) and isinstance(node.value, str)]  # fmt: skip
            assert not names & set(text), path


def test_the_public_names_are_complete_sorted_and_documented():
    import kimi_magic

    assert kimi_magic.__all__ == sorted(kimi_magic.__all__)
    for name in kimi_magic.__all__:
        if name != "last":
            assert getattr(kimi_magic, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error():
    import kimi_magic

    with pytest.raises(AttributeError, match="no attribute 'asK'"):
        _ = kimi_magic.asK


LOADING = """
import json, socket, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import threading
before = set(sys.modules)
made = []
threading.Thread.start = lambda self: made.append(self.name)  # the warm-up is not what loading does itself
socket.socket.__init__ = None  # a socket would raise
shell.run_line_magic("load_ext", "kimi_magic")
sys.stdout.flush()
print(json.dumps([sorted(set(sys.modules) - before), made]))
"""


def test_loading_imports_next_to_nothing_prints_nothing_and_opens_no_socket():
    done = subprocess.run(
        [sys.executable, "-c", LOADING], capture_output=True, text=True, check=True, timeout=60
    )
    (line,) = done.stdout.splitlines()
    imported, threads = json.loads(line)
    # %load_ext is itself a magic that IPython loads when it is first used.
    assert [m for m in imported if not m.startswith(("kimi_magic", "IPython.core.magics"))] == []
    assert not {"kimi_magic.client", "kimi_magic.messages", "kimi_magic.view"} & set(imported)
    assert threads == ["kimi_magic warm-up"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=" ".join,
)
def test_the_linters_are_content(command: list[str]):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def readme_commands() -> list[str]:
    """The two commands that the README opens with."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [block.strip() for block in blocks[:2]]


def test_ci_runs_the_very_test_command_of_the_readme():
    assert readme_commands()[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_text_of_the_project_names_no_machine_and_no_hidden_host():
    for path in [*PACKAGE.rglob("*.py"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/work/|/root/|/tmp/venv", text), path
