"""`kimi-magic autoload`: one line of IPython configuration, after which `%%kimi` needs no `%load_ext`.

The line is added at the end of `ipython_config.py` in the default profile of IPython, and known again by its
comment. Every other byte of the file stays as it is.
"""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path

from kimi_magic import files
from kimi_magic.errors import KimiError

FILE = "ipython_config.py"
LINE = b'c.InteractiveShellApp.extensions.append("kimi_magic")  # written by kimi-magic autoload'
LARGEST = 2**20  # bytes of a configuration file
LINE_BREAKS = (b"\r\n", b"\n", b"\r")


def turn_on() -> str:
    """Add the line, unless it is there.

    Returns:
        What was done, and to which file.

    Raises:
        KimiError: The file cannot be read or written, or is not UTF-8; nothing was changed.
    """
    path = _configuration()
    before = _read(path)
    if LINE in before.splitlines():
        return f"{path} has the line already: nothing was changed"
    _write(path, with_line(before), before)
    return (
        f"added one line to {path}: each new kernel and terminal of IPython knows %%kimi without %load_ext\n"
        "kimi-magic autoload --remove takes it away; a Python without kimi_magic warns when IPython starts"
    )


def turn_off() -> str:
    """Take the line away, wherever it stands in the file; returns and raises as `turn_on`."""
    path = _configuration()
    before = _read(path)
    if LINE not in before.splitlines():
        return f"{path} has no line of kimi-magic autoload: nothing was changed"
    _write(path, without_line(before), before)
    return f"took the line out of {path}: new kernels need %load_ext kimi_magic again"


def with_line(data: bytes) -> bytes:
    """`data` with the line at its end, and with the line breaks of `data`."""
    line_break = next((each for each in LINE_BREAKS if each in data), b"\n")
    if not data or data.endswith(LINE_BREAKS):
        return data + LINE + line_break
    return data + line_break + LINE  # a last line without a break stays one when ours is taken away


def without_line(data: bytes) -> bytes:
    """`data` as it was before `with_line`."""
    lines = data.splitlines(keepends=True)
    kept = [line for line in lines if line.rstrip(b"\r\n") != LINE]
    if lines[-1] == LINE and kept:
        kept[-1] = kept[-1].splitlines()[0]
    return b"".join(kept)


def _configuration() -> Path:
    """The file in the default profile, which is made where there is none."""
    from IPython.core.profiledir import ProfileDir
    from IPython.paths import get_ipython_dir, locate_profile

    try:
        with warnings.catch_warnings():
            # IPython would go on in a temporary folder, which no later IPython reads.
            warnings.filterwarnings("error", message=".*using a temp directory")
            folder = get_ipython_dir()
        try:
            profile = locate_profile("default")
        except OSError:
            profile = ProfileDir.create_profile_dir_by_name(folder, "default").location
    except (UserWarning, OSError) as error:
        raise KimiError(
            f"IPython has no folder for its configuration: {error}",
            hint="Set IPYTHONDIR to a folder that can be written to.",
        ) from None
    return Path(profile) / FILE


def _read(path: Path) -> bytes:
    """What is in the file, b"" where there is none."""
    try:
        if not path.exists():
            return b""
        data = files.read(path, LARGEST)
        data.decode()
    except UnicodeDecodeError as error:
        raise _cannot(path, f"it is not UTF-8 (byte 0x{data[error.start]:02x} at {error.start})") from None
    except (ValueError, OSError) as reason:
        raise _cannot(path, str(reason)) from None
    if b"\0" in data:  # as in UTF-16
        raise _cannot(path, f"it is not UTF-8 (byte 0x00 at {data.index(0)})")
    return data


def _write(path: Path, data: bytes, before: bytes) -> None:
    """Put `data` in the place of `before`; a link and the rights of the file stay what they are."""
    try:
        # Without a buffer, which would write again when it is closed.
        with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
            try:
                left = data
                while left:
                    left = left[file.write(left) :]
                file.truncate()
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(len(before))  # `data` begins as `before` does where it is longer
                raise
    except OSError as error:
        raise _cannot(path, error.strerror or str(error)) from None


def _cannot(path: Path, reason: str) -> KimiError:
    return KimiError(
        f"cannot change {path}: {reason}; nothing was changed",
        hint=f"You can write this line into it yourself: {LINE.decode()}",
    )
