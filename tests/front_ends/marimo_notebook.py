"""A notebook of marimo with those of the twelve cells that plain Python can say; `files.marimo` runs it."""

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


if __name__ == "__main__":
    from marimo._output.formatting import as_html

    outputs, _definitions = app.run()
    json.dump([as_html(output).text for output in outputs], sys.stdout)
