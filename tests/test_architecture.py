"""The layers, the style and the load budget of the package."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kimi_magic"

# Imports only go down. Within a layer a module may import those that stand after it.
LAYERS = {
    "public": ["__init__", "_version"],
    "entry": [
        "__main__",
        "demo",
        "autoload",
        "extension",
        "magics",
        "configure",
        "magic_help",
        "warm_up",
        "watch",
        "rewriting",
        "chats",
        "restore",
        "check",
        "dry_run",
        "api",
        "cluster",
        "mapping",
        "kernel",
        "comparison",
        "reply",
        "calls",
        "settings",
        "options",
    ],
    "view": ["view", "cells"],
    "work": [
        "batch",
        "engine",
        "tools",
        "structured",
        "prompt",
        "agreements",
        "conversation",
        "saved",
        "request",
        "hosts",
    ],
    "transport": ["client", "bridge", "simulator"],
    "formats": ["frames", "schema", "json_text", "markdown", "attachments", "images", "sse"],
    "vocabulary": ["timing", "messages", "usage", "models", "keys", "addresses", "files", "errors"],
}
# What a lower layer may import of a higher one: the version is a constant.
EXCEPTIONS = {("client", "_version"), ("__main__", "_version")}
HOSTS = {
    "IPython": {"autoload", "extension", "magics", "rewriting", "watch", "view"},
    "ipywidgets": {"view"},
    "uvicorn": {"simulator"},
    "threading": {"bridge", "simulator", "tools", "warm_up", "watch"},  # tools: `@tool(parallel=True)`
}
SERVICE_FIELDS = {
    "reasoning_content", "finish_reason", "prompt_tokens", "completion_tokens", "include_usage",
    "image_url", "tool_call_id",
}  # fmt: skip
PUBLIC_OF_THE_TOP = {
    "ask", "aask", "amap", "chat", "estimate", "grid", "last", "map", "read", "usage_records",
}  # fmt: skip


def modules(package: Path) -> dict[str, Path]:
    """Every module by its dotted name below the package: `client.reading`, `client`, `__init__`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[tuple[str, bool]]:
    """(module, whether of ours) for every import of a module, also inside functions and for type checkers.

    Relative imports are resolved; `import kimi_magic` and names of the package itself lead to `__init__`.
    """
    is_package = path.name == "__init__.py" and name != "__init__"
    around = [] if name == "__init__" else name.split(".")[: None if is_package else -1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from _resolved(alias.name.split("."), known)
            case ast.ImportFrom(module=module, names=names, level=0):
                for alias in names:
                    yield from _resolved([*module.split("."), alias.name], known)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = around[: len(around) - level + 1]
                for alias in names:
                    yield from _resolved(
                        ["kimi_magic", *base, *(module.split(".") if module else []), alias.name], known
                    )


def _resolved(parts: list[str], known: dict[str, Path]) -> Iterator[tuple[str, bool]]:
    if parts[0] != "kimi_magic":
        yield parts[0], False
        return
    for end in range(len(parts), 1, -1):
        if (name := ".".join(parts[1:end])) in known:
            yield name, True
            return
    yield "__init__", True


def package_of(name: str) -> str:
    """The top-level module or package that a module belongs to."""
    return name.split(".", maxsplit=1)[0]


def offences(package: Path) -> list[str]:
    """Every import that leads up, or against the order within a layer, or to the package itself."""
    known = modules(package)
    layer_of = {name: number for number, layer in enumerate(LAYERS.values()) for name in layer}
    place_of = {name: place for layer in LAYERS.values() for place, name in enumerate(layer)}
    found = []
    for name, path in known.items():
        own = package_of(name)
        for target, is_ours in imports(name, path, known):
            other = package_of(target)
            if not is_ours or own in (other, "__init__") or (own, other) in EXCEPTIONS:
                continue
            up = layer_of[other] < layer_of[own]
            against = layer_of[other] == layer_of[own] and place_of[other] <= place_of[own]
            if up or against:
                found.append(f"{name} imports {target}")
    return found


def cycles(package: Path) -> list[str]:
    """A cycle of imports between files, if there is one; a package and its parts are files of their own."""
    known = modules(package)
    graph = {}
    for name, path in known.items():
        targets = {target for target, is_ours in imports(name, path, known) if is_ours}
        graph[name] = targets - {name}
    graph["__init__"] = set()  # the public names are imported when they are used
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def uses_of_the_top(package: Path) -> list[str]:
    """Modules below the entry layer that reach for the public names through the package."""
    found = []
    for name, path in modules(package).items():
        if package_of(name) in LAYERS["public"]:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Attribute(value=ast.Name(id="kimi_magic"), attr=attribute):
                    found.append(f"{name} uses kimi_magic.{attribute}")
    return found


def foreign_imports_of_the_simulator(package: Path) -> list[str]:
    known = modules(package)
    return [
        f"{name} imports {target}"
        for name, path in known.items()
        if package_of(name) == "simulator"
        for target, is_ours in imports(name, path, known)
        if is_ours and package_of(target) != "simulator"
    ]


CHECKS = [offences, cycles, uses_of_the_top, foreign_imports_of_the_simulator]


def test_every_module_stands_in_a_layer() -> None:
    names = {package_of(name) for name in modules(PACKAGE)}
    assert sorted(names) == sorted(name for layer in LAYERS.values() for name in layer)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_package_is_in_order(check: object) -> None:
    assert check(PACKAGE) == []


@pytest.mark.parametrize(
    ("check", "module", "code"),
    [
        (offences, "client/retries.py", "from kimi_magic import engine"),
        (offences, "client/retries.py", "from ..engine import plan"),
        (offences, "client/retries.py", "def f():\n    import kimi_magic.kernel"),
        (offences, "engine.py", "from . import view"),
        (offences, "messages/sent.py", "import kimi_magic"),
        (offences, "messages/sent.py", "from kimi_magic import ask"),
        (offences, "usage.py", "if TYPE_CHECKING:\n    from .messages import Choice"),
        (uses_of_the_top, "usage.py", "import kimi_magic\nkimi_magic.ask"),
        (cycles, "view/words.py", "from . import static"),
        (cycles, "client/connection.py", "from kimi_magic.client import reading"),
        (cycles, "client/retries.py", "from kimi_magic.client import Client"),
        (foreign_imports_of_the_simulator, "simulator/stream.py", "from ..messages import Request"),
        (foreign_imports_of_the_simulator, "simulator/stream.py", "import kimi_magic.sse"),
    ],
)  # fmt: skip
def test_each_check_sees_what_it_forbids(check: object, module: str, code: str, tmp_path: Path) -> None:
    copy = tmp_path / "kimi_magic"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / module
    file.write_text(file.read_text(encoding="utf-8") + "\n" + code + "\n", encoding="utf-8")
    assert check(copy) != []


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_hosts_are_imported_only_where_they_belong(host: str) -> None:
    known = modules(PACKAGE)
    users = {
        package_of(name) for name, path in known.items() if (host, False) in set(imports(name, path, known))
    }
    assert users == HOSTS[host]


def test_field_names_of_the_service_live_in_messages_alone() -> None:
    found = []
    for name, path in modules(PACKAGE).items():
        if package_of(name) in ("messages", "simulator"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in SERVICE_FIELDS:
                found.append(f"{name}: {node.value}")
    # A column of the frame of a map, and the metadata of a saved output.
    assert found == ["batch.plan: finish_reason", "view.static: finish_reason"]


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
    ours = ("kimi_magic", "IPython.core.magics")
    others = [m for m in imported if not m.startswith(ours)]
    assert set(others) <= {"contextvars", "_contextvars"}  # compiled in, and there already in a kernel
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
