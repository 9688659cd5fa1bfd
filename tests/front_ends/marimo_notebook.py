"""A notebook of marimo with the twelve cells in plain Python; `files.marimo` runs it."""

import json
import sys

import marimo

app = marimo.App()


@app.cell
def _():
    import kimi_magic

    return (kimi_magic,)


@app.cell
def _(kimi_magic):
    kimi_magic.ask("Why is the sky blue? Two sentences.", offline=True)


@app.cell
def _(kimi_magic):
    kimi_magic.ask("What is the capital of France?", offline=True)


@app.cell
def _():
    country = "Peru"
    country
    return (country,)


@app.cell
def _(country, kimi_magic):
    kimi_magic.ask(f"What is the capital of {country}?", offline=True)


@app.cell
def _(kimi_magic):
    planets = kimi_magic.ask(
        "List the eight planets of the solar system.", schema="[name, moons int]", offline=True
    ).data
    planets
    return (planets,)


@app.cell
def _(planets):
    f"{len(planets)} {planets[2]}"


@app.cell
def _(kimi_magic):
    kimi_magic.ask("Why is the sky blue?", max_tokens=90, offline=True)


@app.cell
def _(kimi_magic):
    kimi_magic.ask("Tell me about a moon of Jupiter. One sentence.", n=2, offline=True)


@app.cell
def _(kimi_magic):
    try:
        kimi_magic.ask("Hello", temperature=7, offline=True)
    except kimi_magic.KimiUsageError as error:
        refusal = f"{type(error).__name__}: {error}"
    refusal


@app.cell
def _(country, kimi_magic):
    capitals = kimi_magic.chat("capitals")
    for _name in ("France", country):
        last = kimi_magic.ask(f"What is the capital of {_name}?", history=capitals, offline=True)
    [message["content"] for message in capitals.messages]
    return (last,)


@app.cell
def _(last):
    last.finish_reason


if __name__ == "__main__":
    from marimo._output.formatting import as_html

    outputs, _definitions = app.run()
    json.dump([as_html(output).text for output in outputs], sys.stdout)
