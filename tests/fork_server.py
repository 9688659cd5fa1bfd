"""Forks a kernel for each line on stdin, from a process that has imported what every kernel imports.

Two thirds of the time that a kernel takes to start go into imports. A forked kernel does without; all else is
as usual: ipykernel in a process and a session of its own. Nothing of kimi_magic is imported here, so that
each kernel loads the extension anew.

A line is JSON with `connection_file`, `environment` and `folder`; the answer is the process id on one line.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import NoReturn

del sys.path[0]  # the folder of this file: a kernel does not have it
sys.modules.setdefault("rfc3987_syntax", None)  # see `tests/__init__.py`

import httpx  # noqa: E402, F401
import ipykernel.ipkernel  # noqa: E402, F401
import ipywidgets  # noqa: E402, F401
import jsonschema  # noqa: E402, F401
import markdown_it  # noqa: E402, F401
import msgspec  # noqa: E402, F401
from ipykernel.kernelapp import IPKernelApp  # noqa: E402


def become_kernel(connection_file: str, environment: dict[str, str], folder: str) -> NoReturn:
    """Run a kernel in this process until it is shut down or killed."""
    parent = os.getppid()
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # stdout of this process is where the ids go
    # Without the handle a kernel would outlive tests that were killed.
    IPKernelApp.launch_instance(argv=["-f", connection_file, f"--IPKernelApp.parent_handle={parent}"])
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        with suppress(ChildProcessError):  # raised when there is no child at all
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        pid = os.fork()
        if pid == 0:
            become_kernel(**json.loads(line))
        print(pid, flush=True)


if __name__ == "__main__":
    main()
