"""Where and how the link calls: what a station tells the edge that connects it."""

from __future__ import annotations

from dataclasses import dataclass, field

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
