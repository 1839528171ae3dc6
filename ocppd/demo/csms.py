"""A small CSMS for demonstrations and tests: it answers every station, and only takes notice.

Made of `ocpp.v201.ChargePoint` on a WebSocket server. It checks every message against OCPP's schemas and
knows a few tokens. It has no certificates, schedules or tariffs to give; whoever asks for one hears so.

`python -m ocppd.demo.csms --port 9000` runs it by itself and prints one line per message.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import signal
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, TypeVar
from urllib.parse import quote, unquote

import typer

# ocpp carries no type hints.
from ocpp.routing import on  # type: ignore[import-untyped]
from ocpp.v201 import ChargePoint, call_result, datatypes  # type: ignore[import-untyped]
from websockets import ConnectionClosed
from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from websockets.http11 import Request, Response

T = TypeVar("T")
Direction = Literal["in", "out"]

SUBPROTOCOL: Final = Subprotocol("ocpp2.0.1")

TOKENS: Final[Mapping[str, str]] = {
    "04A2B3C4": "Accepted",
    "04B10C4E": "Blocked",
    "04E4914E": "Expired",
    "04000000": "NoCredit",
}
"""The tokens that are known unless others are given, each with its AuthorizationStatusEnumType."""

MESSAGES_KEPT: Final = 1_000
"""How many messages are on record; the oldest go first."""

_LOG = logging.getLogger(__name__)


class Message(NamedTuple):
    """One frame that passed; `direction` is `in` from the station and `out` to it.

    `action` is that of the CALL, for its answer too: direction and action together tell the one from the
    other (but for DataTransfer, which goes both ways). It is empty for an answer that nobody waits for. The
    payload is in OCPP's spelling; that of a CALLERROR has `errorCode`, `errorDescription`, `errorDetails`.
    """

    identity: str
    direction: Direction
    action: str
    payload: dict[str, Any]


@dataclass(slots=True, eq=False)
class Csms:
    """The CSMS while it runs. What it answers with may be changed at any time and counts from then on.

    `url` is complete but for `/` and the percent-encoded identity. `tokens` gives each known token, in any
    case, its status; others are Invalid unless `accept_all`. `interval` is in seconds, `boot_status` a
    RegistrationStatusEnumType, `group` the group of every token that is known and Accepted, `total_cost` the
    price of every transaction. `stations` holds who is connected, by identity.
    """

    url: str = ""
    tokens: dict[str, str] = field(default_factory=lambda: dict(TOKENS))
    accept_all: bool = False
    password: str | None = field(default=None, repr=False)
    interval: int = 300
    boot_status: str = "Accepted"
    group: str = "DEMO"
    total_cost: float = 0.0
    on_message: Callable[[Message], None] | None = None
    stations: dict[str, RemoteStation] = field(default_factory=dict, init=False)
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MESSAGES_KEPT), init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    async def call(self, identity: str, request: Any) -> Any:
        """Send `request`, a dataclass of `ocpp.v201.call`; return the answer, one of `ocpp.v201.call_result`.

        Raises ConnectionError where the station is not connected or leaves before it answers, TimeoutError
        after 30 s, and ocpp's OCPPError for a CALLERROR and for a payload that does not fit its schema.
        """
        station = self.stations.get(identity)
        if station is None:
            raise ConnectionError(f"station {identity} is not connected")
        answer = asyncio.create_task(station.call(request, suppress=False), name=f"call[{identity}]")
        try:
            await asyncio.wait((answer, station.gone), return_when=asyncio.FIRST_COMPLETED)
            # A station that answers a Reset closes at once: its answer may be here and not yet checked.
            if not answer.done() and station.owes_an_answer:
                raise ConnectionError(f"station {identity} left without an answer")
            return await answer
        except ConnectionClosed as error:
            raise ConnectionError(f"station {identity} left before the call") from error
        finally:
            answer.cancel()

    def heard(self, action: str, identity: str | None = None, direction: Direction = "in") -> list[Message]:
        """Return the messages on record with this action and direction, of one station or of all."""
        return [
            message
            for message in self.messages
            if message.action == action
            and message.direction == direction
            and identity in {None, message.identity}
        ]

    async def until(self, question: Callable[[], T], timeout_s: float = 10.0) -> T:
        """Wait until `question` answers something true, and return it; TimeoutError after `timeout_s`.

        It is asked at once, and again after every message, connect and disconnect:
        `await csms.until(lambda: csms.heard("BootNotification"))`.
        """
        async with asyncio.timeout(timeout_s):
            while not (answer := question()):
                await self._news.wait()
        return answer

    def note(self, message: Message) -> None:
        """Put `message` on record."""
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(message)
        self._tell()

    @contextmanager
    def present(self, station: RemoteStation) -> Iterator[RemoteStation | None]:
        """Have `station` among the stations, and yield the one whose place it takes. The newest wins."""
        older = self.stations.get(station.identity)
        self.stations[station.identity] = station
        self._tell()
        try:
            yield older
        finally:
            station.gone.set_result(None)
            if self.stations.get(station.identity) is station:
                del self.stations[station.identity]
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


@asynccontextmanager
async def csms(
    port: int | None = None,
    *,
    host: str = "127.0.0.1",
    tokens: Mapping[str, str] = TOKENS,
    accept_all: bool = False,
    password: str | None = None,
    on_message: Callable[[Message], None] | None = None,
) -> AsyncIterator[Csms]:
    """Run a CSMS on `host`, on a free port unless one is given; OSError where it cannot listen there.

    With a `password` it demands basic auth, with the identity for the user. `on_message` is called with each
    message as it passes, and must not raise. On leaving the block, every station is disconnected.
    """
    running = Csms(tokens=dict(tokens), accept_all=accept_all, password=password, on_message=on_message)
    async with serve(
        partial(_attend, running),
        host,
        port or 0,
        subprotocols=[SUBPROTOCOL],
        select_subprotocol=_subprotocol,
        process_request=partial(_admit, running),
        compression=None,
        close_timeout=2,
    ) as server:
        bound = next(iter(server.sockets)).getsockname()[1]
        running.url = f"ws://[{host}]:{bound}" if ":" in host else f"ws://{host}:{bound}"
        yield running


def _identity(path: str) -> str | None:
    """Read the identity from the last segment of a request's path; None where there is none."""
    segment = path.partition("?")[0].rpartition("/")[2]
    try:
        return unquote(segment, errors="strict") or None
    except UnicodeDecodeError:
        return None


def _subprotocol(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


async def _admit(running: Csms, connection: ServerConnection, request: Request) -> Response | None:
    """Answer the HTTP request of a station: None to go on, else what refuses it."""
    identity, password = _identity(request.path), running.password
    if identity is None:
        return connection.respond(HTTPStatus.NOT_FOUND, "The path ends with the identity of a station.\n")
    if password is None:
        return None

    def is_right(user: str, given: str) -> bool:
        return user == identity and hmac.compare_digest(given.encode(), password.encode())

    return await basic_auth("ocppd", check_credentials=is_right)(connection, request)


async def _attend(running: Csms, connection: ServerConnection) -> None:
    """Serve one connection until it ends."""
    identity = _identity(connection.request.path) if connection.request else None
    if identity is None or connection.subprotocol is None:
        # Part 4: without a common subprotocol, complete the handshake and close at once.
        await connection.close(CloseCode.PROTOCOL_ERROR, f"{SUBPROTOCOL} is spoken here")
        return
    station = RemoteStation(identity, connection, running)
    async with asyncio.TaskGroup() as tasks:
        with running.present(station) as older, contextlib.suppress(ConnectionClosed):
            if older is not None:
                tasks.create_task(older.replaced(), name=f"replaced[{identity}]")
            await station.start()


class RemoteStation(ChargePoint):  # type: ignore[misc]
    """One connected station. `connection` is its WebSocket; `gone` is done when it is no longer served.

    ChargePoint awaits each handler before it reads on, so the handlers here answer at once and never call.
    """

    def __init__(self, identity: str, connection: ServerConnection, running: Csms) -> None:
        self._tap = _Tap(identity, connection, running.note)
        super().__init__(identity, self._tap, logger=_LOG)
        self.identity = identity
        self.connection = connection
        self.csms = running
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def owes_an_answer(self) -> bool:
        """Whether a CALL to the station has had no answer yet."""
        return self._tap.is_waiting

    async def route_message(self, raw_msg: str | bytes) -> None:
        """Handle one frame, whatever it contains."""
        try:
            await super().route_message(raw_msg)
        except (TypeError, ValueError, RecursionError) as error:
            # ChargePoint expects an action that is a string and JSON that Python can hold.
            _LOG.warning("%s: a frame that cannot be read: %s", quote(self.identity), error)

    async def replaced(self) -> None:
        """Close the connection, because the same station has opened another."""
        await self.connection.close(CloseCode.NORMAL_CLOSURE, "a newer connection of this station")


class _Tap:
    """A connection as ChargePoint uses it, that tells what passes."""

    def __init__(self, identity: str, connection: ServerConnection, note: Callable[[Message], None]) -> None:
        self._identity = identity
        self._connection = connection
        self._note = note
        # One slot for each direction is enough: ChargePoint serves and sends one CALL at a time.
        self._calls: dict[Direction, tuple[str, str]] = {}

    @property
    def is_waiting(self) -> bool:
        return "out" in self._calls

    async def recv(self) -> str | bytes:
        frame = await self._connection.recv()
        self._tell("in", frame)
        return frame

    async def send(self, frame: str) -> None:
        # Told first: the answer may be here before `send` returns.
        self._tell("out", frame)
        await self._connection.send(frame)

    def _tell(self, direction: Direction, frame: str | bytes) -> None:
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            return
        match message:
            case [2, str(call_id), str(action), dict(payload)]:
                self._calls[direction] = call_id, action
                self._note(Message(self._identity, direction, action, payload))
            case [3, str(call_id), dict(payload)]:
                self._note(Message(self._identity, direction, self._called(direction, call_id), payload))
            case [4, str(call_id), code, text, details]:
                payload = {"errorCode": code, "errorDescription": text, "errorDetails": details}
                self._note(Message(self._identity, direction, self._called(direction, call_id), payload))

    def _called(self, direction: Direction, call_id: str) -> str:
        """Name the action that an answer in `direction` belongs to, which is thereby answered."""
        opposite: Direction = "out" if direction == "in" else "in"
        match self._calls.get(opposite):
            case (last_id, action) if last_id == call_id:
                del self._calls[opposite]
                return action
        return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _id_token_info(running: Csms, token: dict[str, Any]) -> Any:
    """Judge an IdTokenType: by the tokens of the CSMS, where it is one that somebody presented."""
    known = {name.lower(): status for name, status in running.tokens.items()}
    # Central tokens come from a CSMS, and NoAuthorization from a start button: nobody has them to lose.
    is_free = running.accept_all or token["type"] in {"Central", "NoAuthorization"}
    # An IdToken is compared without regard to case.
    status = known.get(token["id_token"].lower())
    if status != "Accepted":
        return datatypes.IdTokenInfoType(status=status or ("Accepted" if is_free else "Invalid"))
    group = datatypes.IdTokenType(id_token=running.group, type="Central")
    return datatypes.IdTokenInfoType(status=status, group_id_token=group)


def _authorize(running: Csms, request: dict[str, Any]) -> object:
    return call_result.Authorize(id_token_info=_id_token_info(running, request["id_token"]))


def _boot_notification(running: Csms, _request: dict[str, Any]) -> object:
    return call_result.BootNotification(
        current_time=_now(), interval=running.interval, status=running.boot_status
    )


def _heartbeat(_running: Csms, _request: dict[str, Any]) -> object:
    return call_result.Heartbeat(current_time=_now())


def _transaction_event(running: Csms, request: dict[str, Any]) -> object:
    token = request.get("id_token")
    return call_result.TransactionEvent(
        total_cost=running.total_cost if request["event_type"] == "Ended" else None,
        id_token_info=_id_token_info(running, token) if token else None,
    )


def _always(action: str, answer: Mapping[str, str]) -> Callable[[Csms, dict[str, Any]], object]:
    return lambda _running, _request: getattr(call_result, action)(**answer)


_ALWAYS: Final[Mapping[str, Mapping[str, str]]] = {
    "ClearedChargingLimit": {},
    "DataTransfer": {"status": "UnknownVendorId"},
    "FirmwareStatusNotification": {},
    "Get15118EVCertificate": {"status": "Failed", "exi_response": ""},
    "GetCertificateStatus": {"status": "Failed"},
    "LogStatusNotification": {},
    "MeterValues": {},
    "NotifyChargingLimit": {},
    "NotifyCustomerInformation": {},
    "NotifyDisplayMessages": {},
    "NotifyEVChargingNeeds": {"status": "Rejected"},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "NotifyEvent": {},
    "NotifyMonitoringReport": {},
    "NotifyReport": {},
    "PublishFirmwareStatusNotification": {},
    "ReportChargingProfiles": {},
    "ReservationStatusUpdate": {},
    "SecurityEventNotification": {},
    "SignCertificate": {"status": "Rejected"},
    "StatusNotification": {},
}
_ANSWERS: Final[Mapping[str, Callable[[Csms, dict[str, Any]], object]]] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "Heartbeat": _heartbeat,
    "TransactionEvent": _transaction_event,
    **{action: _always(action, answer) for action, answer in _ALWAYS.items()},
}


def _handler(action: str, answer: Callable[[Csms, dict[str, Any]], object]) -> object:
    """Make `answer` a method of RemoteStation, under the name by which ocpp looks for it."""

    def handle(self: RemoteStation, **request: Any) -> object:
        return answer(self.csms, request)

    handle.__name__ = f"on_{action}"
    return on(action)(handle)


for _action, _answer in _ANSWERS.items():
    setattr(RemoteStation, f"on_{_action}", _handler(_action, _answer))


def _line(message: Message) -> str:
    """Write `message` in one line of ASCII: identity and action are a stranger's words."""
    arrow = ">" if message.direction == "in" else "<"
    action = message.action.encode("unicode_escape").decode()
    return f"{quote(message.identity, safe='')} {arrow} {action or '?'} {json.dumps(message.payload)}"


async def _run(port: int, host: str, password: str | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # On Windows, Ctrl-C is a KeyboardInterrupt instead.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with csms(
        port, host=host, password=password, on_message=lambda message: typer.echo(_line(message))
    ) as running:
        typer.echo(f"listening on {running.url}")
        await stop.wait()


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    password: Annotated[str | None, typer.Option(help="Demand basic auth with this password.")] = None,
) -> None:
    """Run a small OCPP 2.0.1 CSMS and print one line per message: `>` from a station, `<` to it."""
    try:
        asyncio.run(_run(port, host, password))
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
