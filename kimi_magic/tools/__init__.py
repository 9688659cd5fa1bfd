"""Functions of the notebook that the model may call: how they are declared, offered, called and answered.

`declaration` makes a `Tool` of a function, `signature` its schema, `toolbox` gathers those of a turn,
`arguments` reads what the model wrote, `results` writes what goes back, `running` runs one under its limits.
"""

from kimi_magic.tools.declaration import DEFAULT_TIMEOUT, Tool, tool
from kimi_magic.tools.reports import progress
from kimi_magic.tools.toolbox import Toolbox, gather

__all__ = ["DEFAULT_TIMEOUT", "Tool", "Toolbox", "gather", "progress", "tool"]
