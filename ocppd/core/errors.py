"""What can go wrong by somebody else's doing. Anything else that is raised is a bug of ours.

OcppdError
├── CallError      a CALL of the CSMS cannot be served: becomes a CALLERROR
├── FrameError     a text that is no OCPP-J message at all: becomes a CALLERROR too
└── CommandError   a command cannot be served: becomes the error of its answer
"""

from __future__ import annotations

from typing import Any, Literal

ErrorCode = Literal[
    "bad_payload",
    "bad_json",
    "too_large",
    "missing_argument",
    "invalid_argument",
    "unknown_command",
    "unknown_station",
    "unknown_evse",
    "unknown_connector",
    "ambiguous_target",
    "invalid_state",
    "not_connected",
    "csms_rejected",
    "csms_error",
    "csms_timeout",
    "timeout",
    "busy",
    "retained_command",
    "expired",
    "not_allowed",
    "station_conflict",
    "unsupported",
    "internal",
]
"""The stable codes of the MQTT API."""


class OcppdError(Exception):
    """Base of everything raised on purpose."""


class CallError(OcppdError):
    """`code` is one of Part 4's RPC error codes, `description` is for people (up to 255 characters)."""

    def __init__(self, code: str, description: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details or {}


class FrameError(CallError):
    """A frame that could not be read; `message_id` is what could be told of its id, else "-1".

    `message_type` is what stood there as its type.
    """

    def __init__(
        self, code: str, description: str, message_id: str = "-1", message_type: object = None
    ) -> None:
        super().__init__(code, description)
        self.message_id = message_id
        self.message_type = message_type


class CommandError(OcppdError):
    """`message` is for people."""

    def __init__(self, code: ErrorCode, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


_CODE_OF_FAILURE: dict[str, ErrorCode] = {"NotSent": "not_connected", "Timeout": "csms_timeout"}


def as_command_error(failure: CallError) -> CommandError:
    """What a command says whose call of the CSMS has failed."""
    code: ErrorCode = _CODE_OF_FAILURE.get(failure.code, "csms_error")
    details = {"code": failure.code, "details": failure.details} if code == "csms_error" else {}
    return CommandError(code, str(failure), details)
