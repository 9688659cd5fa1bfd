"""Whether a value looks like a secret: by its own form, and by the names that lead to it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from typing import Any

_WORDS = (
    r"(?:(?:api|access|secret|private|auth|account|signing|encryption|master)[_-]?keys?|apikey|secrets?|"
    r"(?:auth|access|refresh|bearer|api|hf|id)?[_-]?token|pass(?:word|wd|phrase)|pwd|credentials?)"
)
_NAME = re.compile(rf"(?:.*[^a-z])?{_WORDS}", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# How the keys of services begin, from their own documentation, and forms that nothing else has.
_FORMS = (
    ("an API key", r"(?<![\w-])(?:sk|pk|rk)[-_](?=[\w-]*\d)[\w-]{16,}"),
    ("a key of AWS", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})"),
    ("a token of GitLab", r"\bglpat-[\w-]{16,}"),
    ("a token of Slack", r"\bxox[abeoprs]-[\w-]{10,}"),
    ("a token of Hugging Face", r"\bhf_[A-Za-z0-9]{20,}"),
    ("a key of Google", r"\bAIza[\w-]{30,}"),
    ("a token of npm or PyPI", r"\b(?:npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,})"),
    ("a JSON web token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a bearer token", r"\bBearer [\w.~+/-]{16,}"),
    ("an address with a password", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,200}:[^\s/@]{3,200}@"),
)
_KNOWN = [(what, re.compile(form)) for what, form in _FORMS]
# The name is completed to the left where it is found: to look for its beginning would take long.
_ASSIGNED = re.compile(
    rf"{_WORDS}(?:\\?['\"])?\s*[:=]\s*\\?['\"](?P<value>[^'\"\\\n]{{4,}})\\?['\"]", re.IGNORECASE
)
_LINE = re.compile(
    rf"{_WORDS.upper()}=(?P<value>[^\s'\"()]{{8,}})\s*$", re.MULTILINE
)  # of a file of variables
_NAME_BEFORE = re.compile(r"[\w-]{0,40}\Z")
_LINE_BEFORE = re.compile(r"(?:\A|\n)[ \t]*(?:export[ \t]+)?[A-Z0-9_]{0,40}\Z")
_NAME_HERE = re.compile(r"[\w-]+")
_PLACEHOLDER = re.compile(
    r"[\W_x]*|your\b.*|[/~]\S*|<.*>|\$\{?\w+\}?|\{.*\}|none|null|true|false", re.IGNORECASE
)
LONGEST_NAME = 60  # characters before a word such as "password" that are looked at
FOLDERS = {"PWD", "OLDPWD"}
SHORTEST = 8  # characters of a value of the environment that is looked for


def is_secret_name(name: str) -> bool:
    """Whether what has this name is kept secret: `api_key`, `HF_TOKEN`, `db.password`; not `n_tokens`."""
    return _NAME.fullmatch(_CAMEL.sub("_", name)) is not None


def reason(code: ast.expr, value: Any, text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Why `value`, which `code` has led to and which would be sent as `text`, looks like a secret.

    "" where it does not. The reason quotes nothing of the value.
    """
    if isinstance(value, str | bytes) and value:
        for name in _names(code):
            if is_secret_name(name):
                return f"it is called {name}"
    return in_text(text, environment)


def in_text(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The same for a text of which nothing else is known."""
    for name, value in environment.items():
        if value in text and _is_secret_variable(name, value):
            return f"it holds what {name} is in the environment"
    for what, form in _KNOWN:
        if form.search(text):
            return f"it holds {what}"
    for form in (_ASSIGNED, _LINE):
        for found in form.finditer(text):
            before = text[max(0, found.start() - LONGEST_NAME) : found.start()]
            is_line = form is _ASSIGNED or _LINE_BEFORE.search(before)
            if is_line and not _PLACEHOLDER.fullmatch(found["value"]):
                name = _NAME_BEFORE.search(before)[0] + _NAME_HERE.match(found[0])[0]  # type: ignore[index]
                return f"it holds a value for {name}"
    return ""


def _is_secret_variable(name: str, value: str) -> bool:
    """Whether a variable of the environment holds a secret itself.

    `PWD` and `OLDPWD` are folders in every shell, and `GOOGLE_APPLICATION_CREDENTIALS` says where a secret is
    kept. Both are paths, which any traceback may show.
    """
    return (
        len(value) >= SHORTEST and is_secret_name(name) and name not in FOLDERS and not os.path.exists(value)
    )


def _names(code: ast.expr) -> list[str]:
    """Names, attributes, and the texts that index: `config["password"]`, `getenv("API_KEY")`."""
    names = []
    for node in ast.walk(code):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                names.append(name)
            case ast.Constant(value=str(name)) if len(name) <= 80 and "\n" not in name:
                names.append(name)
    return names
