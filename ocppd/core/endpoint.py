"""Where and how the link calls: what a station tells the edge that connects it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Both variables may be 0, and the repeats anything: seconds between two attempts, and doublings, at most.
_SHORTEST = 0.1
_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """RetryBackOffWaitMinimum, RetryBackOffRandomRange (seconds) and RetryBackOffRepeatTimes."""

    minimum: float = 2.0
    random_range: float = 10.0
    repeats: int = 5

    def wait(self, failures: int, chance: float) -> float:
        """Seconds to wait after `failures` (from 1) failed attempts in a row; `chance` lies in 0..1.

        The base doubles with every failure, at most `repeats` times; the random part is drawn afresh
        (Part 4, 5.3).
        """
        doublings = min(failures - 1, self.repeats, _MOST_DOUBLINGS)
        return max(_SHORTEST, float(self.minimum * 2**doublings) + self.random_range * chance)


def url_problem(url: str) -> str | None:
    """Why `url` is not the place of a CSMS and nothing else, None where it is; never with parts of it.

    What is more than a place would be published with it, and the identity could not be appended.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        is_place = bool(host) and parts.port != 0 and not re.search(r"[\x00-\x20\x7f]", url)
    except ValueError:
        parts, is_place = None, False
    if parts is not None and "@" in parts.netloc:
        return "must hold no user info, give csms.password"
    if "?" in url or "#" in url:
        return "must hold no query and no fragment: the identity is appended"
    if not is_place or not url.startswith(("ws://", "wss://")):
        return "must be ws://host[:port][/path] or wss://host[:port][/path]"
    return None


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe over TLS, and who we are; all in PEM. Stations that agree in it share one context.

    `roots` None is the system's trust store; `chain` None is no client certificate; `key` is where the
    private key of the chain is: the path of a file, or a name that the edge's key store knows. `wildcards`
    is SecurityCtrlr.AllowCSMSTLSWildcards.
    """

    roots: str | None = None
    chain: str | None = None
    key: str | None = None
    wildcards: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything that one attempt to connect needs, as the station's variables stand at that moment.

    `url` is complete: the percent-encoded identity is its last segment. `trust` is for `wss:` alone.
    `password` is None where basic auth is not used (security profiles 0 and 3). `timeout` bounds the
    handshake, in seconds.
    """

    url: str
    identity: str
    protocols: tuple[str, ...]
    trust: Trust = Trust()
    password: str | None = field(default=None, repr=False)
    backoff: Backoff = Backoff()
    timeout: float = 30.0
