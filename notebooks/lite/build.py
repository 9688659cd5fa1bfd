"""Builds a web page with the lessons that needs no server, no installation and no key.

    pip install -e '.[lite]'
    python notebooks/lite/build.py FOLDER
    python -m http.server --directory FOLDER

The page is JupyterLite; Python (Pyodide) runs in the reader's browser, and the simulator answers there.
Everything that `kimi_magic` needs comes from the folder itself. Other libraries of a lesson, such as pandas,
are fetched from Pyodide's own address when a cell imports them. `npm` fetches Pyodide for each build.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import nbformat
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LESSONS = sorted(HERE.parent.glob("[0-9]*.ipynb"))
PYODIDE = "314.0.7"  # the Python that runs in the page: 3.14
ELSEWHERE = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"  # where Pyodide has its other packages
# Loaded before the first cell, so that a lesson begins with `%load_ext kimi_magic` as everywhere. The kernel
# asks for the others; whatever is named here it does not look for elsewhere.
LOADED = ["micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython", "kimi-magic"]
# What the page has beside JupyterLab itself. Else each extension of JupyterLab that this Python has installed
# would come along, those that need a server too.
EXTENSIONS = Path(sys.prefix, "share", "jupyter", "labextensions")
ADDED = [
    "jupyterlab_pygments",
    "@jupyter-widgets/jupyterlab-manager",
    "@jupyterlite/pyodide-kernel-extension",
]
# jsonschema asks for rpds-py, which has no wheel for browsers in the package index: an adapter stands in.
RPDS = "rpds_py-0.30.0-py3-none-any.whl"
RPDS_FILES = {
    "rpds/__init__.py": "from pyrsistent_as_rpds.pure import *\n",
    "rpds_py-0.30.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: rpds-py\nVersion: 0.30.0\n"
    "Requires-Dist: pyrsistent-as-rpds-py\nRequires-Dist: pyrsistent\n",
    "rpds_py-0.30.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: kimi_magic\nRoot-Is-Purelib: true\n"
    "Tag: py3-none-any\n",
    "rpds_py-0.30.0.dist-info/RECORD": "",
}


def build(output: Path, lessons: Iterable[Path] = LESSONS) -> None:
    """Write the page with these notebooks to the folder `output`, which is made anew.

    Raises:
        subprocess.CalledProcessError: A package could not be fetched, or JupyterLite could not be built.
    """
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        pyodide = site / "static" / "pyodide"
        fetch_pyodide(pyodide)
        path = pyodide / "pyodide-lock.json"
        lock = json.loads(path.read_text(encoding="utf-8"))
        python = lock["info"]["python"]
        wheels = fetch_wheels(pyodide, lock["info"]["abi_version"], python)
        for package in lock["packages"].values():
            package["file_name"] = ELSEWHERE + package["file_name"]
        entries = [lock_entry(wheel, python) for wheel in wheels]
        lock["packages"].update((entry["name"], entry) for entry in entries)
        path.write_text(json.dumps(lock), encoding="utf-8")
        write_settings(site)
        shutil.rmtree(output, ignore_errors=True)
        for lesson in lessons:
            write_whole(lesson, site / "files")
        run(
            sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", site,
            "--output-dir", output.absolute(), "--apps", "lab", folder=site,
        )  # fmt: skip


def fetch_pyodide(folder: Path) -> None:
    """Put Pyodide itself, without its packages, into `folder`."""
    folder.mkdir(parents=True)
    run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", "--pack-destination", folder)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            member.name = Path(member.name).name
            packed.extract(member, folder, filter="data")
    archive.unlink()


def requirements(wheel: Path, python: str) -> list[Requirement]:
    """What a wheel needs in a browser with this version of Python."""
    browser = {
        "sys_platform": "emscripten", "platform_system": "Emscripten", "os_name": "posix",
        "python_version": ".".join(python.split(".")[:2]), "python_full_version": python, "extra": "",
    }  # fmt: skip
    needs = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist") or ()]
    return [each for each in needs if not each.marker or each.marker.evaluate(browser)]


def metadata(wheel: Path) -> Message:
    """The fields that a wheel says of itself."""
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (each for each in packed.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", each))
        return BytesParser().parsebytes(packed.read(name))


def lock_entry(wheel: Path, python: str) -> dict[str, Any]:
    """How a wheel stands in `pyodide-lock.json`."""
    fields = metadata(wheel)
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    return {
        "name": canonicalize_name(fields["Name"]),
        "version": fields["Version"],
        "file_name": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "install_dir": "site",
        "package_type": "package",
        "imports": sorted({name.partition("/")[0].removesuffix(".py") for name in names if ".py" in name}),
        "depends": sorted({canonicalize_name(each.name) for each in requirements(wheel, python)}),
        "unvendored_tests": False,
    }


def fetch_wheels(folder: Path, abi: str, python: str) -> list[Path]:
    """Put the wheels of what is `LOADED`, and of all that they need, into `folder`.

    `abi` is that of Pyodide ("2026_0"), `python` its version ("3.14.2").
    """
    with zipfile.ZipFile(folder / RPDS, "w") as rpds:
        for path, text in RPDS_FILES.items():
            rpds.writestr(path, text)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    run(
        *pip, "wheel", "--no-deps", "--no-binary", "pyrsistent", "--wheel-dir", folder, "pyrsistent",
        environment={"PYRSISTENT_SKIP_EXTENSION": "1"},
    )  # fmt: skip
    for wheel in own_wheels_of_the_kernel():
        shutil.copy(wheel, folder)
    (ours,) = folder.glob("kimi_magic-*.whl")
    # Not the wheel itself: pip reads its conditions as those of the Python that runs here.
    needs = [str(need).partition(";")[0] for need in requirements(ours, python)]
    run(
        *pip, "download", "--dest", folder, "--find-links", folder, "--only-binary", ":all:",
        "--platform", f"pyemscripten_{abi}_wasm32", "--implementation", "cp",
        "--python-version", ".".join(python.split(".")[:2]), *needs, "micropip", "packaging", "comm", "jedi",
    )  # fmt: skip
    return sorted(folder.glob("*.whl"))


def own_wheels_of_the_kernel() -> list[Path]:
    """Those that JupyterLite's kernel brings along: itself, and what stands in for ipykernel."""
    folder = EXTENSIONS / "@jupyterlite" / "pyodide-kernel-extension" / "static" / "pypi"
    wheels = {path.name.partition("-")[0]: path for path in sorted(folder.glob("*.whl"))}
    return [wheels[name] for name in ("piplite", "pyodide_kernel", "ipykernel")]


def write_whole(lesson: Path, folder: Path) -> None:
    """Put a lesson into `folder`, each text in one piece: JupyterLite puts commas between its lines."""
    folder.mkdir(exist_ok=True)
    notebook = nbformat.read(lesson, as_version=4)  # which brings the lines together
    (folder / lesson.name).write_text(json.dumps(notebook), encoding="utf-8")


def write_settings(site: Path) -> None:
    """The settings of the page, in the folder that JupyterLite builds from."""
    kernel = {
        "pyodideUrl": "./static/pyodide/pyodide.mjs",
        "loadPyodideOptions": {"packages": LOADED},
    }
    page = {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "kimi_magic: the lessons",
            "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel},
            "disabledExtensions": ["@jupyterlab/apputils-extension:announcements"],
        },
    }
    (site / "jupyter-lite.json").write_text(json.dumps(page), encoding="utf-8")
    added = [str(EXTENSIONS / name) for name in ADDED]
    build = {"ignore_sys_prefix": ["federated_extensions"], "federated_extensions": added}
    (site / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": build}), encoding="utf-8")


def run(*command: str | Path, folder: Path | None = None, environment: dict[str, str] | None = None) -> None:
    """One command in `folder`, to its end."""
    subprocess.run(  # noqa: S603 - the words are ours
        [str(word) for word in command], check=True, cwd=folder, env=os.environ | (environment or {})
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER")
    build(Path(sys.argv[1]))
