"""What a JSON answer shall be: from a Python type or a schema to what is sent, and from the answer back.

`of` makes a `Schema` of what the person gave; `Schema.build` makes Python objects of what the model wrote, or
raises a `SchemaFault` with the path of what does not fit; `read` does so from the
text of an answer. No I/O but reading a schema file that was named.
"""

from __future__ import annotations

from .answers import Answer, read
from .faults import SchemaFault
from .spec import JSON_INSTRUCTION, Schema, instruction, of

__all__ = ["JSON_INSTRUCTION", "Answer", "Schema", "SchemaFault", "instruction", "of", "read"]
