"""The notebook in the prompt, and the answer back in the notebook, in a real kernel."""

from __future__ import annotations

import pytest

from tests.conftest import PACED
from tests.kernel import Kernel

SENT = (
    "[message.content for message in __import__('kimi_magic.kernel').kernel.current.conversation.before()"
    " if message.role == 'user']"
)


@pytest.fixture
def notebook(offline_kernel: Kernel) -> Kernel:
    """A kernel with a new conversation."""
    offline_kernel.run("%kimi_config --reset")
    return offline_kernel


def error_of(kernel: Kernel, code: str) -> dict[str, str]:
    cell = kernel.attempt(code)
    assert cell.status == "error", cell.outputs
    return cell.reply


# ---- variables ----


def test_a_variable_reaches_the_prompt_of_a_cell_and_of_a_line(notebook: Kernel):
    notebook.run("x = 'in {{ y }} words'\ny = 5")
    notebook.run("%%kimi -s 'Use {{ y }} words'\nAnswer {{ x }}, {y} $y {{{y}}}")
    notebook.run("%kimi --no-stream And {{ y + 1 }}?")
    assert notebook.value(SENT) == ["Answer in {{ y }} words, {y} $y {{{y}}}", "And 6?"]
    notebook.run("z = %kimi now {{ y }}")
    system = (
        "__import__('kimi_magic.kernel').kernel.current.last_plan.turn.steps[-1].request.messages[0].content"
    )
    assert notebook.value(SENT)[-1] == "now 5"
    notebook.run("%%kimi -s 'Use {{ y }} words'\nHello")
    assert notebook.value(system) == "Use 5 words"


def test_a_loop_and_code_under_time_reach_it_too(notebook: Kernel):
    notebook.run("for n in (1, 2):\n    %kimi Name number {{ n }}.")
    notebook.run("%%time\n%kimi Name number {{ n + 1 }}.")
    assert notebook.value(SENT) == ["Name number 1.", "Name number 2.", "Name number 3."]


def test_an_unknown_name_fails_the_cell_and_sends_nothing(notebook: Kernel):
    notebook.run("numbers = [1]")
    reply = error_of(notebook, "%%kimi\nSum up\n{{ number }}")
    assert reply["ename"] == "KimiUsageError"
    assert (
        "{{ number }} in line 2 of the prompt: there is no number; did you mean numbers?" in reply["evalue"]
    )
    assert notebook.value(SENT) == []


def test_raw_sends_braces_as_they_are_for_a_cell_or_all(notebook: Kernel):
    notebook.run("%%kimi --raw\n{{ nobody }} \\{{ x }}")
    notebook.run("%kimi_config --raw")
    notebook.run("%%kimi\n{{ nobody }}")
    notebook.run("%kimi_config --unset raw")
    assert notebook.value(SENT) == ["{{ nobody }} \\{{ x }}", "{{ nobody }}"]


def test_a_setting_takes_a_value_of_the_notebook_once(notebook: Kernel):
    notebook.run("tone = 'kind'\n%kimi_config --system 'Be {{ tone }}'\ntone = 'rude'")
    notebook.run("%%kimi\nHello")
    system = "__import__('kimi_magic.kernel').kernel.current.last_plan.request.messages[0].content"
    assert notebook.value(system) == "Be kind"
    notebook.run("%kimi_config --unset system")


def test_from_python_nothing_is_filled_in(notebook: Kernel):
    notebook.run("import kimi_magic\nx = 1\nr = kimi_magic.ask('Say {{ x }}', offline=True, history=True)")
    assert notebook.value(SENT) == ["Say {{ x }}"]


NASTY = [
    '{"a": {"b": [{}, {"c": "\\\\n"}]}}',
    r"\frac{\partial f}{\partial x} = \left\{{a}\right\} \mathbf{{{x}}}",
    "{% for row in rows %}{% if row %}{# no #}{% endif %}{% endfor %}",
    "f'{x!r:>{width}}' f\"{{{x}}}\" $x ${y} $$", "{{", "}}", "{{}}", "{{{y}}}", "a {{ never closed",
    "C:\\new\\table %d %s 100% !ls ?x x? \u2028 🎈", "{ " * 5_000, "word {x} " * 120_000,
]  # fmt: skip


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:12])
def test_everything_but_expressions_arrives_byte_for_byte(text: str, notebook: Kernel):
    notebook.run(f"y = 1\nexpected = {text!r}")
    notebook.attempt(f"%%kimi\n{text}\n{{{{ y }}}}")  # what is too long is refused when it has arrived
    request = "__import__('kimi_magic.kernel').kernel.current.last_plan.request"
    body = f"__import__('json').loads({request}.body())"
    assert notebook.value(f"{body}['messages'][-1]['content'] == expected + '\\n1'")


# ---- what is sent is no surprise ----


def test_a_dry_run_shows_the_filled_request_and_sends_nothing(notebook: Kernel):
    notebook.run("n = 7")
    cell = notebook.run("%%kimi --dry-run -s 'Be brief'\nCount to {{ n }}")
    assert "nothing was sent" in cell.display["text/plain"]
    assert "Count to 7" in cell.display["text/html"]
    assert notebook.value(SENT) == []


def test_the_prompt_is_shown_as_it_is_sent_above_the_answer(notebook: Kernel):
    notebook.run("n = 7")
    prompt, answer = notebook.run("%%kimi --show-prompt\nCount to {{ n }}").outputs
    assert "Count to 7" in prompt["data"]["text/html"]
    assert "kimi-reply" in answer["data"]["text/html"]


# ---- cells ----


def test_earlier_cells_and_their_results_reach_a_prompt(notebook: Kernel):
    number = notebook.value("len(In)")
    notebook.run("%timeit -n1 -r1 None")
    notebook.run("6 * 7")
    notebook.run("%kimi What is {{ _ }}?")
    notebook.run(
        f"%%kimi\n{{{{ In[{number}] }}}} and {{{{ In[{number + 1}] }}}} gave {{{{ Out[{number + 1}] }}}}"
    )
    assert notebook.value(SENT) == ["What is 42?", "%timeit -n1 -r1 None and 6 * 7 gave 42"]


def test_a_cell_without_a_result_is_one_line(notebook: Kernel):
    assert "cell 999 has no result" in error_of(notebook, "%kimi {{ Out[999] }}")["evalue"]
    assert "there is no cell 999" in error_of(notebook, "%kimi {{ In[999] }}")["evalue"]
    assert "--cells 999: there is no such cell" in error_of(notebook, "%%kimi --cells 999\nWhy?")["evalue"]
    assert "expected numbers of cells" in error_of(notebook, "%%kimi --cells 5-3\nWhy?")["evalue"]


def test_cells_come_with_source_and_text_output_before_the_prompt(notebook: Kernel):
    number = notebook.value("len(In)")
    notebook.run("'```' + 'a'")
    notebook.run("x = 1")
    notebook.run(f"%%kimi --cells {number}-{number + 1}\nExplain")
    (sent,) = notebook.value(SENT)
    assert sent == (
        f"In [{number}]:\n````python\n'```' + 'a'\n````\n\nOut [{number}]:\n````text\n'```a'\n````\n\n"
        f"In [{number + 1}]:\n```python\nx = 1\n```\n\nExplain"
    )


def test_cells_with_a_secret_are_refused(notebook: Kernel):
    number = notebook.value("len(In)")
    notebook.run("password = 'hunter" + "22'")
    message = error_of(notebook, f"%%kimi --cells {number}\nExplain")["evalue"]
    assert "it holds a value for password" in message
    assert "hunter" not in message


def test_the_last_traceback_begins_at_the_persons_own_code(notebook: Kernel):
    notebook.attempt("def half(x):\n    return x / 0\nhalf(3)")
    notebook.run("%%kimi\nWhy?\n{{ Err }}")
    (sent,) = notebook.value(SENT)
    assert sent.startswith('Why?\nTraceback (most recent call last):\n  File "<cell>", line 3, in <module>\n')
    assert sent.endswith("ZeroDivisionError: division by zero")
    assert "return x / 0" in sent
    assert "IPython/core" not in sent
    assert "ipykernel" not in sent, "the temporary file of a cell says where its author's home is"
    notebook.run("Err = 'mine'")
    notebook.run("%kimi {{ Err }}")
    notebook.run("del Err")
    assert notebook.value(SENT)[-1] == "mine"


# ---- attachments ----

ATTACHED = (
    "[part.image_url.url[:22] for part in __import__('kimi_magic.kernel').kernel.current.last_plan.turn"
    ".prompt.content if hasattr(part, 'image_url')]"
)


def test_variables_and_results_are_attached_with_a_thumbnail_above_the_answer(notebook: Kernel):
    notebook.run("import numpy as np\npixels = np.full((30, 40, 3), 200, np.uint8)")
    number = notebook.value("len(In)")
    notebook.run("from PIL import Image\nImage.fromarray(pixels)")
    cell = notebook.run(
        f"%%kimi -m kimi-k3 -a pixels -a Out[{number}] -a {{{{ pixels[:9] }}}}\nWhat are these?"
    )
    strip, answer = cell.outputs
    assert strip["data"]["text/html"].count("<img ") == 3
    assert "pixels · 40 × 30" in strip["data"]["text/html"]
    assert f"Out[{number}] · 40 × 30" in strip["data"]["text/html"]
    assert "kimi-reply" in answer["data"]["text/html"]
    assert notebook.value(ATTACHED) == ["data:image/png;base64,"] * 3


def test_the_result_of_a_plot_is_attached_by_the_number_of_its_cell(notebook: Kernel):
    notebook.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
    number = notebook.value("len(In)")
    notebook.run("plt.plot([1, 2])")
    notebook.run(f"%%kimi -m kimi-k3 -a Out[{number}]\nWhat is this?")
    assert notebook.value(ATTACHED) == ["data:image/png;base64,"]


def test_what_cannot_be_attached_is_one_line(notebook: Kernel):
    assert "Out[999]" in error_of(notebook, "%%kimi -a Out[999]\nWhat?")["evalue"].replace(
        "cell 999", "Out[999]"
    )
    notebook.run("x = 5")
    assert "-a x: expected a file" in error_of(notebook, "%%kimi -a x\nWhat?")["evalue"]
    assert notebook.value(SENT) == []


# ---- code back ----


def test_the_code_of_an_answer_goes_into_the_next_cell_and_is_not_run(notebook: Kernel):
    cell = notebook.run("%%kimi --code -o answer\nWrite a Python program that lists primes.")
    (payload,) = [each for each in cell.reply["payload"] if each["source"] == "set_next_input"]
    assert payload["text"] == notebook.value(
        "'\\n\\n'.join(b.text for b in answer.code if b.language == 'python')"
    )
    assert "def " in payload["text"]
    assert payload["replace"] is False
    again = notebook.run("%kimi --code")
    assert again.outputs == []
    assert [each["text"] for each in again.reply["payload"]] == [payload["text"]]


def test_an_answer_without_code_says_so(notebook: Kernel):
    cell = notebook.run("%%kimi --code\nWhy is the sky blue?")
    assert "--code: the answer has no code block; nothing was inserted." in cell.printed
    assert cell.reply["payload"] == []


# ---- errors ----


def test_fix_sends_the_cell_its_error_near_names_and_shapes_and_nothing_else(notebook: Kernel):
    notebook.run(
        "import pandas as pd\nsales = pd.DataFrame({'city': ['Oslo'], 'amount': [5]})\nother = 'unseen'"
    )
    notebook.attempt("total = 1\nsales['amuont'].sum()")
    notebook.run("%kimi_fix")
    (sent,) = notebook.value(SENT)
    assert "The cell:\n```python\ntotal = 1\nsales['amuont'].sum()\n```" in sent
    assert "KeyError: 'amuont'" in sent
    assert "Names that are near `amuont`: amount" in sent
    assert "- sales: pandas DataFrame, 1 rows × 2 columns: city" in sent
    assert "Oslo" not in sent
    assert "unseen" not in sent
    assert "IPython/core" not in sent


def test_fix_takes_a_question_and_finds_near_names_and_attributes(notebook: Kernel):
    notebook.run("my_list = [1]")
    notebook.attempt("my_lst.append(1)")
    notebook.run("%%kimi --fix\nWhat is the name?")
    notebook.attempt("my_list.apend(1)")
    notebook.run("%kimi_fix why?")
    one, other = notebook.value(SENT)
    assert one.startswith("What is the name?\n\nThe cell:")
    assert "Names that are near `my_lst`: my_list" in one
    assert other.startswith("why?\n\nThe cell:")
    assert "Names that are near `apend`: append" in other


def test_fix_can_insert_the_corrected_code(notebook: Kernel):
    notebook.attempt("def primes(:")
    notebook.run("begun = '```python\\n'")
    cell = notebook.run("%kimi_fix --insert --prefix '{{ begun }}' Correct the Python code.")
    assert [each["source"] for each in cell.reply["payload"]] == ["set_next_input"]
    assert "SyntaxError" in notebook.value(SENT)[0]


def test_a_question_that_failed_does_not_hide_the_error_before_it(notebook: Kernel):
    notebook.attempt("1 / 0")
    assert "there is no nobody" in error_of(notebook, "%kimi {{ nobody }}")["evalue"]
    notebook.run("%kimi_fix")
    assert "ZeroDivisionError" in notebook.value(SENT)[0]


def test_a_question_mark_ends_the_question_of_fix_among_other_lines(notebook: Kernel):
    notebook.attempt("wrongly_named")
    notebook.run("1 + 1\n%kimi_fix Why is it not found?")
    assert "Why is it not found?" in notebook.value(SENT)[-1]


def test_fix_refuses_a_secret(notebook: Kernel):
    notebook.attempt("password = 'hunter" + "22'\n1 / 0")
    message = error_of(notebook, "%kimi_fix")["evalue"]
    assert "it holds a value for password" in message
    assert "hunter" not in message
    assert notebook.value(SENT) == []


def test_without_an_error_there_is_nothing_to_fix(kernel: Kernel):
    assert "no cell has failed yet" in error_of(kernel, "%kimi_fix")["evalue"]


# ---- a line while ask waits ----


@pytest.mark.parametrize("server", [PACED], indirect=True)
def test_ask_shows_a_line_in_a_notebook_while_it_waits_and_takes_it_away(kernel: Kernel):
    cell = kernel.run("import kimi_magic\nr = kimi_magic.ask('Write 200 words about rivers.')")
    texts = [
        m["content"]["data"].get("text/plain", "")
        for _, m in cell.of_type("display_data", "update_display_data")
    ]
    assert any("kimi-k2-thinking" in text and " · answering · " in text for text in texts)
    assert cell.outputs == []  # what is empty counts for nothing
    quiet = kernel.run("r = kimi_magic.ask('Write 200 words about rivers.', progress=False)")
    assert quiet.outputs == []
