"""What all parts of a state have in common."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Kept(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What a state file may hold; a misspelt key in one is an error, and not a default.

    What is as it is by default is left out, so a default is a part of the format. `secret` are the fields
    that no representation shows.
    """

    secret: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        """As usual, but for what is secret."""
        shown = (
            f"{name}={'...' if name in self.secret else repr(getattr(self, name))}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Fixed(Struct, omit_defaults=True, forbid_unknown_fields=True, frozen=True):
    """The same of what is never changed, and may be shared."""
