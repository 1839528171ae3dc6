"""What all parts of a state have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class Kept:
    """What a state file may hold; a misspelt key in one is an error, and not a default."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
