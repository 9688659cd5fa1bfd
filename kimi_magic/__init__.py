"""Talk to the Kimi thinking models from a notebook cell."""

__version__ = "0.1.0"
