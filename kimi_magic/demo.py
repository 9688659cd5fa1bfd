"""`kimi-magic demo`: the lessons in a folder of the person's own, in a JupyterLab on loopback, offline.

JupyterLab runs in this process: one Ctrl-C ends it with its kernels, and its token is on no command line.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import platform
import re
import secrets
import signal
import socket
import tempfile
from pathlib import Path

from kimi_magic import files
from kimi_magic.errors import KimiError, KimiUsageError

FOLDER = "kimi-lessons"
HERE = Path(__file__).parent
LOOPBACK = "127.0.0.1"
LARGEST_LESSON = 32 * 2**20  # bytes of a lesson that somebody has run and changed
_VERSION = re.compile(rb'("pygments_lexer": "ipython3",\s*"version": )"[^"]*"')
FOREIGN = "it is none of ours, and you have not saved it: it is not opened"
PROFILE = """\
c.KimiMagic.offline = True
c.InteractiveShellApp.ignore_cwd = True  # a module that somebody has put beside the lessons is not imported
c.IPKernelApp.log_level = "ERROR"  # no kernel speaks into the terminal that shows the address
"""

# What jupyter-collaboration installs, in the page and in the server. Nobody shares the demo, where it would
# leave a database in the folder in which the demo was started, and end with a traceback.
SHARING = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")
SHARING_SERVER = "jupyter_server_ydoc"
NEWS = "@jupyterlab/apputils-extension:announcements"  # JupyterLab else asks whether it may show news
PAGE = {"disabledExtensions": dict.fromkeys((NEWS, *SHARING), True)}
# The old notebook prints a banner of many lines where it is installed.
SERVER = {"ServerApp": {"jpserver_extensions": dict.fromkeys(("nbclassic", SHARING_SERVER), False)}}


def run(folder: Path, *, browser: bool = True, port: int | None = None) -> None:
    """Copy the lessons to `folder` and show the first in JupyterLab, until Ctrl-C.

    `port` None takes the first free one from 8888, 0 any free one. `KimiError` where JupyterLab is missing.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise KimiError("the demo needs JupyterLab: pip install jupyterlab uvicorn matplotlib pandas")
    if port:
        _check_free(port)
    first, remarks = copy(lessons(), folder)
    _say(*remarks)
    with tempfile.TemporaryDirectory(prefix="kimi-magic-demo-", ignore_cleanup_errors=True) as own:
        # Jupyter obeys a configuration in the folder where it is started, whoever put it there.
        folder = folder.resolve()
        with contextlib.chdir(own):
            _serve(folder, first, Path(own), browser=browser, port=port)


def lessons() -> list[Path]:
    """The lesson notebooks in their order: beside this file in a wheel, in `notebooks` of a checkout."""
    for place in (HERE / "lessons", HERE.parent / "notebooks"):
        if notebooks := sorted(place.glob("[0-9]*.ipynb")):
            return notebooks
    raise KimiError(
        f"no lessons in {HERE / 'lessons'}: expected those of the package; install its wheel again"
    )


def copy(sources: list[Path], folder: Path) -> tuple[str, list[str]]:
    """Copy lessons to `folder`; the name of the first that may be opened, and what to tell, line by line.

    A file that is there is never written to: whoever has run a lesson has changed it. One that was changed
    and not saved by this person may be somebody else's, as in a folder that was downloaded: it is not opened.
    """
    remarks, openable = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            target, lesson = folder / source.name, of_this_python(source.read_bytes())
            try:
                with target.open("xb") as file:
                    file.write(lesson)
            except FileExistsError:
                remark = _remark(target, lesson)
                remarks += [f"kept {target}: {remark}; delete it to get the lesson anew"] if remark else []
                if remark.startswith(FOREIGN):
                    continue
            openable.append(source.name)
    except OSError as error:
        raise KimiUsageError(
            f"cannot put the lessons into {folder}: {error.strerror}; "
            "expected a folder that can be written to, such as kimi-magic demo ~/lessons"
        ) from None
    if not openable:
        raise KimiUsageError(
            f"the notebooks in {folder} are none of ours and were not saved by you: none is opened",
            hint="Name another folder, such as kimi-magic demo ~/lessons.",
        )
    return openable[0], [f"lessons in {folder}: {len(sources)}", *remarks]


def of_this_python(lesson: bytes) -> bytes:
    """The lesson with the version of this Python: a JupyterLab that finds another opens it as modified."""
    return _VERSION.sub(rb'\g<1>"%s"' % platform.python_version().encode(), lesson)


def _remark(target: Path, lesson: bytes) -> str:
    """What is to be said of a notebook that is there; "" if it is the lesson."""
    try:
        found = files.read(target, LARGEST_LESSON)
    except ValueError as reason:
        return f"{FOREIGN} ({reason})"
    if found == lesson:
        return ""
    return "you changed it" if _is_signed(found) else FOREIGN


def _is_signed(notebook: bytes) -> bool:
    """Whether a JupyterLab of this person has saved a notebook with what its cells gave."""
    import nbformat
    from nbformat.sign import NotebookNotary

    try:
        return bool(NotebookNotary().check_signature(nbformat.reads(notebook.decode(), as_version=4)))
    except Exception:  # noqa: BLE001 - a notebook may be broken in any way, and so may the store
        return False


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise KimiError(
                f"--port {port}: {(error.strerror or str(error)).lower()}; "
                "expected a free port, --port 0 takes any"
            ) from None


def _serve(folder: Path, first: str, own: Path, *, browser: bool, port: int | None) -> None:
    """JupyterLab in `folder`; what only this demo needs is in `own`."""
    _set_up(own)
    from jupyterlab.labapp import LabApp

    token = secrets.token_hex(24)
    page = f"lab/tree/{first}"
    server = LabApp.initialize_server(
        argv=[
            f"--ServerApp.ip={LOOPBACK}",
            *([] if port is None else [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]),
            f"--ServerApp.root_dir={folder}",
            "--ServerApp.base_url=/",
            "--ServerApp.allow_root=True",  # only who has the token gets in, and that is who started it
            f"--ServerApp.open_browser={browser}",
            f"--IdentityProvider.token={token}",
            f"--LabApp.default_url=/{page}",
            "--LabApp.news_url=None",  # nothing is looked up on the way to the first lesson
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
            "--LabApp.expose_app_in_browser=True",  # for the button that puts code into a new cell
            "--Application.log_level=ERROR",
        ]
    )

    def stop(*_: object) -> None:
        logging.disable(logging.ERROR)  # libraries report sockets that were closed under them
        server.stop(from_signal=True)

    signal.signal(signal.SIGINT, stop)  # at once; its own handler asks
    address = f"http://{LOOPBACK}:{server.port}/{page}?token={token}"
    # The loop's first task is to listen; this is its second.
    server.io_loop.add_callback(_say, f"the first lesson: {address}", "Ctrl-C stops it")
    server.start()


def _set_up(own: Path) -> None:
    """An IPython of its own, offline, and workspaces of its own, so that no earlier page opens instead."""
    profile = own / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(PROFILE, encoding="utf-8")
    labconfig = own / "config" / "labconfig"
    labconfig.mkdir(parents=True)
    (labconfig / "page_config.json").write_text(json.dumps(PAGE), encoding="utf-8")
    extensions = own / "config" / "jupyter_server_config.d"
    extensions.mkdir()
    (extensions / "kimi_magic.json").write_text(json.dumps(SERVER), encoding="utf-8")
    paths = [str(own / "config"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    os.environ["IPYTHONDIR"] = str(own / "ipython")
    os.environ["JUPYTERLAB_WORKSPACES_DIR"] = str(own / "workspaces")
