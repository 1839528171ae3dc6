"""Logs: one JSON object a line, or words for people. Secrets and cards do not get through."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import orjson
import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# The last is that of a DataTransfer: nobody knows what a vendor puts there.
_SECRET = frozenset({"password", "authorization", "private_key", "data"})
_CARD = frozenset({"token", "id_token", "idToken"})
_SHOWN = 4
_kept: list[Any] = [None, None]  # how the logger of `lines` is configured, and the logger


def configure(level: str = "info", form: Literal["json", "console"] = "json") -> None:
    """Write log lines of `level` and above to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask,
            *_rendering(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if form == "json"
        else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)


def set_level(level: str) -> None:
    """Change what is written from now on."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]))


def lines() -> Any:
    """The logger as it is configured now, kept: to make one costs more than a line that is not written."""
    config = structlog.get_config()
    form = (config["processors"], config["wrapper_class"])
    if form != _kept[0]:
        _kept[:] = [form, structlog.get_logger().bind()]
    return _kept[1]


def _rendering(form: str) -> list[Any]:
    if form == "console":
        # Rich tracebacks would print local variables, and secrets with them.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=_shows_colours(), exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(orjson.dumps, default=str),
    ]


def _shows_colours() -> bool:
    """Only on a terminal, and not where `NO_COLOR` is set (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def mask(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no secret, and of a card only the beginning."""
    return {key: _masked(key, value) for key, value in line.items()}


def _masked(key: str, value: Any) -> Any:
    if key in _SECRET:
        return "***"
    if isinstance(value, Mapping):
        if value.get("type") == "KeyCode":  # C04.FR.04
            value = {**value, **dict.fromkeys(_CARD & value.keys(), "***")}
        return {name: _masked(name, inner) for name, inner in value.items()}
    if key in _CARD and isinstance(value, str):
        return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
    return value


class _Forward(logging.Handler):
    """What the libraries have to say, in our form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as an event `library`."""
        log = structlog.get_logger()
        message = record.getMessage()
        log.log(record.levelno, "library", logger=record.name, message=message, exc_info=record.exc_info)
