"""The code of an answer, block by block, and which of it a cell can run."""

from __future__ import annotations

from typing import Any

import pytest

from kimi_magic import magics
from kimi_magic.messages import TextDelta
from kimi_magic.reply import Reply
from tests.turns import Growing


class Shell:
    """A front end that takes code for its next cell."""

    def __init__(self) -> None:
        self.put: list[str] = []

    def set_next_input(self, text: str) -> None:
        self.put.append(text)


def replied(text: str) -> Reply[Any]:
    reply = Growing()
    reply.add(TextDelta(text))
    reply.end()
    return reply


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("No code, `x` only.", []),
        ("```python\nx = 1\n```", [("python", "x = 1")]),
        ("a\n\n```Python title=x\nx\n\ny\n```\nb\n~~~\nz\n~~~", [("python", "x\n\ny"), ("", "z")]),
        ("1. one\n\n   ```sh\n   ls\n   ```\n\n> ```py\n> x\n> ```", [("sh", "ls"), ("py", "x")]),
        ("````md\n```py\nx\n```\n````", [("md", "```py\nx\n```")]),
        ("```python\nx = 1", [("python", "x = 1")]),
        ("```{python}\r\nx\r\n```", [("python", "x")]),
    ],
)
def test_each_block_has_its_language_and_its_text(text: str, blocks: list[tuple[str, str]]) -> None:
    assert [tuple(block) for block in replied(text).code] == blocks
    assert all(block.language == name for block, (name, _) in zip(replied(text).code, blocks, strict=True))


@pytest.mark.parametrize(
    ("text", "put", "said"),
    [
        ("```python\nx = 1\n```\n\n```py\ny = 2\n```", ["x = 1\n\ny = 2"], ""),
        ("```python\nx = 1\n```\n\n```\n1\n```\n\n```bash\nls\n```", ["x = 1"], ""),
        ("```\nx = 1\n```", ["x = 1"], ""),
        ("```bash\nls\n```\n\n```r\nx\n```", [], "only bash, r"),
        ("words", [], "no code block"),
    ],
)
def test_python_goes_into_one_cell_and_what_else_there_is_is_said(
    text: str, put: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell()
    magics.insert_code(shell, replied(text))
    assert shell.put == put
    assert said in capsys.readouterr().out


def test_a_front_end_that_takes_no_code_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    magics.insert_code(object(), replied("```python\nx\n```"))
    assert "takes no code" in capsys.readouterr().out
