"""OCPP-J frames: text to messages and back (Part 4, chapter 4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from ocppd.core.errors import CallError, FrameError
from ocppd.core.schemas import OCPP_21, OCPP_201, Version

CALL, CALLRESULT, CALLERROR = 2, 3, 4
CALLRESULTERROR, SEND = 5, 6  # of OCPP 2.1 alone
_LONGEST_ID = 36
# As deep as a frame may nest: whatever walks a payload later recurses, and must get through.
_DEEPEST = 64
# What a whole number stays below: JSON knows no bound, but whoever writes it again does.
_BEYOND = 2.0**63


class Call(NamedTuple):
    """A request: `payload` is what stood there, still unchecked."""

    id: str
    action: str
    payload: Any


class CallResult(NamedTuple):
    """The answer to the call of that id."""

    id: str
    payload: Any


class CallFailure(NamedTuple):
    """The CALLERROR for the call of that id."""

    id: str
    code: str
    description: str
    details: dict[str, Any]


class ResultFailure(NamedTuple):
    """The CALLRESULTERROR for the response of that id: the other side cannot use it."""

    id: str
    code: str
    description: str


class Send(NamedTuple):
    """What is said without waiting for an answer: `payload` is what stood there, still unchecked."""

    id: str
    action: str
    payload: Any


Message = Call | CallResult | CallFailure | ResultFailure | Send


def decode(text: str, version: Version = OCPP_201) -> Message:
    """The message in `text`.

    Raises:
        FrameError: RpcFrameworkError where the frame cannot be read, MessageTypeNotSupported for an
            unknown type of message, FormatViolation for a call with the wrong elements or one that nests
            too deep, PropertyConstraintViolation for a number of more than 64 bits.
    """
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FrameError("RpcFrameworkError", f"not JSON: {error}"[:255]) from None
    if not isinstance(frame, list) or not frame:
        raise FrameError("RpcFrameworkError", "a frame is a JSON array of a type, an id and more")
    message_id = frame[1] if len(frame) > 1 else None
    if not isinstance(message_id, str) or not 0 < len(message_id) <= _LONGEST_ID:
        raise FrameError("RpcFrameworkError", "the message id is a string of 1 to 36 characters")
    try:
        return _message([_plain(part, message_id) for part in frame], message_id, version)
    except FrameError as error:
        error.message_type = frame[0]
        raise


def _plain(value: Any, message_id: str, depth: int = 1) -> Any:
    """`value` with `300.0` as 300: JSON Schema calls that an integer, Python does not."""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)) and depth == _DEEPEST:
        raise FrameError("FormatViolation", f"the message nests deeper than {_DEEPEST} levels", message_id)
    if isinstance(value, dict):
        return {key: _plain(item, message_id, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, message_id, depth + 1) for item in value]
    if isinstance(value, float):
        if abs(value) >= _BEYOND:
            raise FrameError("PropertyConstraintViolation", "a number has more than 64 bits", message_id)
        return int(value) if value.is_integer() else value
    return value


def _message(frame: list[Any], message_id: str, version: Version) -> Message:
    match frame:
        # bool is an int to Python, and `true` is no message type.
        case [bool(), *_]:
            pass
        case [2, _, str(action), payload]:
            return Call(message_id, action, payload)
        case [3, _, payload]:
            return CallResult(message_id, payload)
        case [4, _, str(code), str(description), *details]:
            found = details[0] if details and isinstance(details[0], dict) else {}
            return CallFailure(message_id, code, description, found)
        case [2, *_]:
            raise FrameError("FormatViolation", "a CALL is [2, id, action, payload]", message_id)
        case [3 | 4, *_]:
            raise FrameError("RpcFrameworkError", "a malformed CALLRESULT or CALLERROR", message_id)
        case [5 | 6, *_] if version == OCPP_21:
            return _message_of_21(frame, message_id)
    raise FrameError("MessageTypeNotSupported", f"{version} has no such message type", message_id)


def _message_of_21(frame: list[Any], message_id: str) -> Message:
    match frame:
        case [5, _, str(code), str(description), *_]:
            return ResultFailure(message_id, code, description)
        case [6, _, str(action), payload]:
            return Send(message_id, action, payload)
    raise FrameError("RpcFrameworkError", "a malformed CALLRESULTERROR or SEND", message_id)


def encode_call(message_id: str, action: str, payload: object) -> str:
    """The CALL frame."""
    return orjson.dumps([CALL, message_id, action, payload]).decode()


def encode_result(message_id: str, payload: object) -> str:
    """The CALLRESULT frame."""
    return orjson.dumps([CALLRESULT, message_id, payload]).decode()


def encode_error(message_id: str, code: str, description: str, details: dict[str, Any]) -> str:
    """The CALLERROR frame."""
    return orjson.dumps([CALLERROR, message_id, code, description[:255], details]).decode()


def encode_result_error(message_id: str, error: CallError) -> str:
    """The CALLRESULTERROR frame."""
    return orjson.dumps(
        [CALLRESULTERROR, message_id, error.code, error.description[:255], error.details]
    ).decode()


def encode_send(message_id: str, action: str, payload: object) -> str:
    """The SEND frame."""
    return orjson.dumps([SEND, message_id, action, payload]).decode()


def encode_refusal(error: FrameError, version: Version) -> str | None:
    """What to say to a frame that cannot be used; None where OCPP 2.1 wants no answer."""
    if version == OCPP_21 and error.message_type == CALLRESULT:
        return encode_result_error(error.message_id, error)
    if version == OCPP_21 and error.message_type in (CALLERROR, CALLRESULTERROR, SEND):
        return None
    return encode_error(error.message_id, error.code, error.description, error.details)
