"""What goes back to the model: the value that a function returned, or in a few words why there is none."""

from __future__ import annotations

from typing import Any, NamedTuple

from kimi_magic import attachments
from kimi_magic.conversation import Content, ToolResult
from kimi_magic.errors import one_line
from kimi_magic.messages import ImagePart, TextPart
from kimi_magic.messages.sent import ImageUrl
from kimi_magic.prompt import rendering, secrets

LONGEST = 20_000  # characters of a text; a value of another type is cut as in prompts
LONGEST_REASON = 300  # characters of an error
REFUSED = "Error: the user has refused to run this function."
NOBODY = "Error: this function was not run, for nobody could be asked whether it may."
AGAIN = "[The same call as before in this turn, {} so far.]"


class Terms(NamedTuple):
    """What may be sent: `sees` says whether the model takes pictures, `force` lets what looks secret pass."""

    sees: bool = False
    force: bool = False
    image_size: int = attachments.IMAGE_SIZE


def settle(result: ToolResult, value: Any, terms: Terms) -> None:
    """End `result` with what the function returned."""
    try:
        content, about = _content(value, terms)
    except Exception as error:  # noqa: BLE001 - a repr of the user's own may raise anything
        result.end("failed", f"Error: the result cannot be shown: {words(error)}")
        return
    text = content if isinstance(content, str) else ""
    if not terms.force and (reason := secrets.in_text(text)):
        result.end("failed", f"Error: the result was not sent, it looks as if a secret is in it ({reason}).")
        result.note = f"the result was not sent: it looks as if a secret is in it ({reason})"
        return
    result.end("done", content, about)


def fail(result: ToolResult, error: BaseException) -> None:
    """End `result` with what went wrong in the function: type and text, no traceback, no secret."""
    result.end("failed", f"Error: {words(error)}")


def words(error: BaseException) -> str:
    """Type and text of an error; without the text where a secret may be in it."""
    try:
        text = one_line(str(error))
    except Exception:  # noqa: BLE001 - an error of the user's own, which cannot say what it is
        text = ""
    name = type(error).__name__
    if reason := secrets.in_text(text):
        return f"{name} (its text is left out: {reason})"
    text = text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"
    return f"{name}: {text}" if text else name


def _content(value: Any, terms: Terms) -> tuple[Content, str]:
    """The content, and what a picture in it is."""
    if value is None:
        return "(the function returned nothing)", ""
    if (picture := attachments.picture(value)) is not None:
        picture = attachments.fitted(picture, terms.image_size)
        about = f"picture, {picture.about}"
        if not terms.sees:
            return f"A {about}. This model takes text only: it is not sent.", ""
        parts = (TextPart(f"A {about}:"), ImagePart(ImageUrl(picture.address)))
        return parts, about
    text = rendering.render(value)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…\n[cut: {LONGEST:,} of {len(text):,} characters]"
    return text.encode("utf-8", "replace").decode(), ""
