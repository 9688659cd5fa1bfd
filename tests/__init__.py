"""The tests. None needs the checks of international addresses that jsonschema may have.

Where rfc3987-syntax is installed (JupyterLab brings it), importing jsonschema builds dozens of grammars,
which takes seconds in every process.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)
