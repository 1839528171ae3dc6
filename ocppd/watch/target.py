"""Which stations are watched."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from ocppd.core.errors import OcppdError
from ocppd.edge.mqtt.topics import encode

_LEAVES = ("state", "availability", "event", "evse/+/state", "evse/+/meter", "evse/+/connector/+/state")


class WatchError(OcppdError):
    """What cannot be watched, in words for people."""


@dataclass(frozen=True, slots=True)
class Target:
    """A station's identity, or a pattern of them such as `CP0*`."""

    pattern: str = "*"

    @classmethod
    def parse(cls, text: str) -> Target:
        """What a person has named; `all`, or nothing, is every station.

        Raises:
            WatchError: it names no stations.
        """
        if text in ("", "all"):
            return cls()
        if "/" in text:
            raise WatchError(
                f"{text!r} is no target to watch: a station such as CP001, or a pattern such as 'CP0*'"
            )
        return cls(text)

    def __contains__(self, station: str) -> bool:
        return fnmatchcase(station, self.pattern)

    @property
    def filters(self) -> list[str]:
        """The topic filters, below `<base>/v1/`, that tell all about these stations and the daemons."""
        level = "+" if any(char in self.pattern for char in "*?[") else encode(self.pattern)
        return ["daemon/+/state", *(f"station/{level}/{leaf}" for leaf in _LEAVES)]
