"""The tests. None needs the checks of international addresses that jsonschema may have.

Where rfc3987-syntax is installed (JupyterLab brings it), importing jsonschema builds dozens of grammars,
which takes seconds in every process.
"""

import sys
from typing import Any

modules: dict[str, Any] = dict.fromkeys(["rfc3987_syntax"])  # None: importing it fails
for name in modules.keys() - sys.modules.keys():
    sys.modules[name] = modules[name]
