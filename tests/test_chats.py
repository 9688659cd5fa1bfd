"""Conversations by name: their commands, their file, their bounds, and the Python face."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kimi_magic
from kimi_magic import chats, kernel, models
from kimi_magic.conversation import Conversation, Turn, message_tokens
from kimi_magic.errors import KimiUsageError
from kimi_magic.messages import Message
from kimi_magic.saved import SavedAnswer, SavedTurn
from kimi_magic.view import history, words
from tests.turns import cell_plan, run

SECRET = "sk-very-secret-key-0123456789"


@pytest.fixture(autouse=True)
def offline() -> Iterator[None]:
    with kernel.fresh(offline=True, speed=0):
        yield


def said(line: str, cell: str | None = None) -> str:
    return chats.run(kernel.current, None, line, cell)


def refused(line: str) -> KimiUsageError:
    with pytest.raises(KimiUsageError) as caught:
        said(line)
    assert "\n" not in caught.value.message
    return caught.value


def sent() -> list[str]:
    return [message.text for message in kernel.current.last.turn.steps[0].request.messages]


def turn(prompt: str, answer: str = "Yes.", **more: Any) -> Turn:
    record = SavedTurn(prompt=Message("user", prompt), answers=(SavedAnswer(answer),), **more)
    return Turn.from_record(record)


def filled(*prompts: str) -> Conversation:
    """The current conversation, with these prompts answered."""
    for prompt in prompts:
        kernel.current.conversation.add(turn(prompt, f"Answer to {prompt}"))
    return kernel.current.conversation


# ---- commands ----


def test_without_a_command_the_conversations_are_listed():
    filled("One", "Two")
    said("new side")
    assert said("") == "main (2 turns) · side (0 turns), the current one"


def test_prompts_continue_the_conversation_that_is_used():
    filled("One")
    assert said("new side") == "Prompts begin a conversation, side."
    run(cell_plan())
    assert sent() == ["Hello"]
    assert said("use main") == "Prompts continue main (1 turn)."
    run(cell_plan())
    assert sent() == ["One", "Answer to One", "Hello"]


def test_a_new_conversation_needs_no_name():
    assert said("new") == "Prompts begin a conversation, chat-2."
    assert said("new") == "Prompts begin a conversation, chat-3."


def test_a_fork_goes_on_apart():
    origin = filled("One", "Two")
    said("fork other")
    said("drop 1")
    assert [t.prompt.text for t in origin] == ["One", "Two"]
    assert [t.prompt.text for t in kernel.current.conversation] == ["Two"]
    said("mute 1")
    assert not any(t.muted for t in origin)


def test_a_conversation_has_a_system_message_of_its_own():
    kernel.current.settings.set("system", "Be brief.")
    said("new poet")
    assert said("system Write verse; never prose.") == "poet has its own system message now."
    run(cell_plan())
    assert sent() == ["Write verse; never prose.", "Hello"]
    run(cell_plan("-s Plain."))
    assert sent()[0] == "Plain."
    said("use main")
    run(cell_plan())
    assert sent() == ["Be brief.", "Hello"]


def test_turns_are_removed_and_later_ones_are_stale():
    conversation = filled("One", "Two", "Three", "Four")
    assert said("undo") == "The last 1 turn removed: main (3 turns)."
    assert said("drop 1") == "Turn 1 removed: main (2 turns)."
    assert [(t.prompt.text, t.stale) for t in conversation] == [("Two", True), ("Three", True)]
    assert said("undo 2") == "The last 2 turns removed: main (0 turns)."


def test_a_muted_turn_is_kept_but_not_sent():
    filled("One", "Two")
    assert said("mute 1") == "Turn 1 is shown, but no longer sent."
    reply = run(cell_plan())
    assert sent() == ["Two", "Answer to Two", "Hello"]
    assert "turn 3 · 1 turn of context" in words.details(reply.turn)
    assert said("mute 1") == "Turn 1 is sent again."
    run(cell_plan())
    assert sent()[0] == "One"


def test_an_answer_that_was_edited_is_what_the_model_remembers():
    conversation = filled("One", "Two")
    said("edit 1 No: it is 7.")
    assert conversation.turns[1].stale
    run(cell_plan())
    assert sent()[:2] == ["One", "No: it is 7."]
    said("edit 2", "Several\nlines\n")
    assert conversation.turns[1].messages()[1].text == "Several\nlines"
    assert said("edit 1") == "Turn 1 has the answer that came."
    assert conversation.turns[0].messages()[1].text == "Answer to One"


def test_reasoning_that_led_to_another_answer_is_not_sent():
    kimi_magic.ask("Why is the sky blue?", history=True)
    conversation = kernel.current.conversation
    assert conversation.turns[0].messages()[1].reasoning_content
    conversation.edit(1, "It is green.")
    assert conversation.turns[0].messages()[1].reasoning_content is None


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("shwo", "'shwo' is no command of %kimi_chat; did you mean show?"),
        ("drop 3", "conversation 'main' has no turn 3, it has 2 turns"),
        ("drop", "%kimi_chat drop: expected drop N"),
        ("drop one", "'one': expected a whole number of at least 1"),
        ("undo 3", "has no turn 3"),
        ("use mian", "there is no conversation 'mian'; did you mean main?"),
        ("show mian", "there is no conversation 'mian'; did you mean main?"),
        ("new main", "there is a conversation 'main' already"),
        ("fork main", "there is a conversation 'main' already"),
        (f"new {'x' * 61}", "expected the name of a conversation"),
        ("load none.json", "'none.json': No such file or directory"),
        ("save nowhere/x.json", "'nowhere/x.json': No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(line: str, fault: str):
    conversation = filled("One", "Two")
    assert fault in refused(line).message
    assert len(conversation) == 2
    assert list(kernel.current.chats) == ["main"]


def test_every_command_is_in_the_help():
    shown = said("--help")
    for name, command in chats.COMMANDS.items():
        assert f"  {name} {command.words}".rstrip() in shown


# ---- what is shown ----


def test_a_conversation_is_shown_with_who_when_tokens_and_conditions():
    conversation = filled("One <b>", "Two")
    kimi_magic.ask("Why is the sky blue?", history=True)
    said("mute 1")
    said("pin 2")
    html, text = history.conversation_html(conversation), history.conversation_text(conversation)
    usage = conversation.turns[2].usage
    assert "One &lt;b&gt;" in html
    assert html.count("<details") == 1
    assert f"{usage.prompt:,} + {usage.completion:,} tokens" in html
    assert "muted: not sent" in html
    assert "pinned" in text
    assert "stale" in text
    assert f"{conversation.turns[2].began.astimezone():%Y-%m-%d %H:%M}" in text


# ---- files ----


def test_a_saved_conversation_comes_back_as_it_was(tmp_path: Path):
    kimi_magic.ask("Why is the sky blue?", history=True, n=2, temperature=1)
    kimi_magic.ask("And the sea?", history=True)
    conversation = kernel.current.conversation
    said("system Be brief.")
    for line in ("mute 1", "pin 2", f"save {tmp_path / 'a.json'}"):
        assert "\n" not in said(line)
    before = (conversation.messages, conversation.to_json())
    with kernel.fresh(offline=True, speed=0):
        assert "main (2 turns)" in said(f"load {tmp_path / 'a.json'}")
        loaded = kernel.current.conversation
        assert (loaded.messages, loaded.to_json()) == before
        assert [t.is_complete for t in loaded] == [True, True]
        kimi_magic.ask("And the wind?", history=True)
    assert json.loads((tmp_path / "a.json").read_text())["version"] == 1


def test_what_is_there_is_not_overwritten_by_a_file(tmp_path: Path):
    filled("One")
    said(f"save {tmp_path / 'a.json'}")
    error = refused(f"load {tmp_path / 'a.json'}")
    assert "main (1 turn) is there already, nothing was loaded" in error.message
    assert (
        said(f"load {tmp_path / 'a.json'} old")
        == f"Prompts continue old (1 turn), from {tmp_path / 'a.json'}."
    )


def test_a_markdown_file_is_for_people(tmp_path: Path):
    filled("One")
    said(f"save {tmp_path / 'a.md'}")
    text = (tmp_path / "a.md").read_text()
    assert text.startswith("# main\n\n## Turn 1 · ")
    assert "**Prompt**\n\nOne\n\n**Answer**\n\nAnswer to One\n" in text


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("[]", "this is no saved conversation"),
        ("{", "this is no saved conversation"),
        ('{"name": "x"}', "missing required field `version`"),
        ('{"version": 2, "name": "x"}', "of version 2, expected 1"),
        ('{"version": 1, "name": "x", "turns": [{}]}', "$.turns[0]"),
        (
            '{"version": 1, "name": "x", "turns": [{"prompt": {"role": "user", "content": "a"},'
            '"answers": [{"text": ""}]}]}',
            "turn 1 of the saved conversation: it has no answer",
        ),
    ],
)
def test_a_file_that_is_no_conversation_is_refused_by_its_place(data: str, fault: str):
    with pytest.raises(KimiUsageError) as caught:
        Conversation.from_json(data)
    assert fault in caught.value.message


def test_no_key_host_or_header_is_in_a_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    kimi_magic.ask("Hello", history=True)
    text = json.dumps(kernel.current.conversation.to_json())
    assert not [word for word in (SECRET, "http", "Bearer", "evolink") if word in text]


def test_a_key_that_was_typed_into_a_prompt_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EVOLINK_API_KEY", SECRET)
    filled(f"My key is {SECRET}, is that safe?")
    kernel.current.settings.set("offline", False)
    for name in ("a.json", "a.md"):
        said(f"save {tmp_path / name}")
        assert SECRET not in (tmp_path / name).read_text()


# ---- bounds ----


def test_the_oldest_turns_are_left_out_whole_where_all_do_not_fit():
    conversation = Conversation()
    for number in range(10):
        conversation.add(turn(f"Prompt {number} " + "word " * 400, "Answer " * 100))
    conversation.pin(2)
    size = sum(map(message_tokens, conversation.turns[0].messages()))
    context = conversation.context(room=4 * size)
    assert [t.prompt.text[:8] for t in context.turns] == ["Prompt 1", "Prompt 7", "Prompt 8", "Prompt 9"]
    assert context.place.left_out == (1, 3, 4, 5, 6, 7)
    assert words.turns(context.place.left_out) == "turns 1 and 3–7"


def test_a_prompt_that_would_not_fit_is_sent_with_the_latest_turns_and_the_byline_says_so():
    window = models.find("kimi-k2-thinking").context
    for number in range(3):
        kernel.current.conversation.add(turn(f"Prompt {number} " + "word " * (window // 3), "Yes."))
    reply = kimi_magic.ask("What did I ask first?", history=True)
    assert reply.usage.prompt < window
    assert "turn 1 left out, the context of the model is full" in words.details(reply.turn)
    assert sent()[0].startswith("Prompt 1 ")


def test_the_byline_names_few_turns_however_many_are_left_out():
    assert words.turns([3]) == "turn 3"
    assert words.turns([1, 2, 3, 5, 8, 9]) == "turns 1–3, 5 and 8–9"
    assert words.turns(list(range(1, 300, 2))) == "150 turns from 1 to 299"


def test_a_limit_of_turns_keeps_those_that_are_pinned():
    conversation = filled("One", "Two", "Three")
    conversation.pin(1)
    run(cell_plan("--history 1"))
    assert sent() == ["One", "Answer to One", "Three", "Answer to Three", "Hello"]
    run(cell_plan("--history none --no-history"))
    assert sent() == ["Hello"]


# ---- Python ----


def test_a_conversation_has_a_python_face():
    side = kimi_magic.chat("side")
    assert kimi_magic.chat("side") is side
    kimi_magic.ask("Why is the sky blue?", history="side")
    assert "sky" in kimi_magic.ask("What did I ask first?", history=side).text
    assert [t.prompt.text for t in side] == ["Why is the sky blue?", "What did I ask first?"]
    assert [m["role"] for m in side.messages] == ["user", "assistant"] * 2
    assert len(kimi_magic.chat()) == 0
    assert repr(side) == "<Conversation 'side', 2 turns>"
    copied = Conversation.from_json(side.to_json())
    assert copied.messages == side.messages
    kimi_magic.ask("And the sea?", history=copied)
    assert (len(copied), len(side)) == (3, 2)


def test_two_answers_in_one_conversation_come_one_after_the_other():
    import asyncio

    async def both() -> None:
        await asyncio.gather(*(kimi_magic.aask(f"Name a river, {n}.", history=True) for n in range(4)))

    asyncio.run(both())
    assert [t.prompt.text for t in kimi_magic.chat()] == [f"Name a river, {n}." for n in range(4)]
    assert [len(t.steps[0].request.messages) for t in kimi_magic.chat()] == [1, 3, 5, 7]


def test_threads_that_ask_in_one_conversation_are_put_in_order():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: kimi_magic.ask(f"Name a river, {n}.", history=True), range(8)))
    assert sorted(len(t.steps[0].request.messages) for t in kimi_magic.chat()) == list(range(1, 16, 2))


def test_a_call_that_blocks_the_task_it_waits_for_is_refused():
    import asyncio

    async def blocked() -> None:
        task = asyncio.create_task(kimi_magic.aask("Name a river.", history=True))
        await asyncio.sleep(0)
        with pytest.raises(KimiUsageError, match="another prompt of this conversation"):
            kimi_magic.ask("Name a lake.", history=True)
        await task
        kimi_magic.ask("Name a lake.", history=True)

    asyncio.run(blocked())
    assert len(kimi_magic.chat()) == 2


def test_a_call_inside_the_answer_that_it_waits_for_is_refused():
    class Nested:
        faults: list[str] = []  # noqa: RUF012

        def open(self, turn: Turn, stop: object = None) -> None:
            with pytest.raises(KimiUsageError) as caught:
                kimi_magic.ask("Name a lake.", history=True)
            self.faults.append(caught.value.message)

        def update(self, turn: Turn) -> None: ...
        def close(self, turn: Turn) -> None: ...
        def repeat(self, turn: Turn) -> None: ...

    run(cell_plan(), view=Nested())
    assert "another prompt of this conversation is being answered" in Nested.faults[0]
    assert len(kimi_magic.chat()) == 1


def test_whoever_leaves_the_line_lets_the_next_one_in():
    import asyncio

    async def cancelled() -> None:
        tasks = [asyncio.create_task(kimi_magic.aask(f"Name a river, {n}.", history=True)) for n in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(cancelled())
    assert [t.prompt.text for t in kimi_magic.chat()] == ["Name a river, 1.", "Name a river, 3."]
    kimi_magic.ask("Name a lake.", history=True)


def test_different_conversations_run_side_by_side():
    import asyncio

    async def both() -> None:
        first = asyncio.create_task(kimi_magic.aask("Write 2000 words about rivers.", history="one"))
        await asyncio.sleep(0)
        await kimi_magic.aask("Hello", history="two")
        assert not first.done()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

    with kernel.fresh(offline=True, speed=2000):
        asyncio.run(both())
        assert len(kimi_magic.chat("two")) == 1


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, st.text(st.characters(exclude_categories=["Cs"]))), max_size=5))
def test_any_text_comes_back_from_a_file(exchanges: list[tuple[str, str, str]]):
    conversation = Conversation("any")
    for prompt, answer, reasoning in exchanges:
        record = SavedTurn(prompt=Message("user", prompt), answers=(SavedAnswer(answer, reasoning),))
        conversation.add(Turn.from_record(record))
    loaded = Conversation.from_json(json.dumps(conversation.to_json()))
    assert loaded.messages == conversation.messages
    assert loaded.to_json() == conversation.to_json()
    history.conversation_html(loaded)
    history.conversation_markdown(loaded)
