"""A small CSMS for demonstrations and tests: it answers every station, and only takes notice.

Made of `ocpp.v201.ChargePoint` on a WebSocket server. It checks every message against OCPP's schemas and
knows a few tokens. With the files of `ocppd pki` it speaks TLS, looks at the certificates of stations, and
signs new ones for them. It has no schedules or tariffs to give; whoever asks for one hears so.

`python -m ocppd.demo.csms --port 9000` runs it by itself and prints one line per message.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import signal
import ssl
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote, unquote

import typer

# ocpp carries no type hints.
from ocpp.charge_point import (  # type: ignore[import-untyped]
    camel_to_snake_case,
    remove_nones,
    serialize_as_dict,
    snake_to_camel_case,
)
from ocpp.exceptions import OCPPError  # type: ignore[import-untyped]
from ocpp.routing import after, on  # type: ignore[import-untyped]
from ocpp.v201 import ChargePoint, call, call_result, datatypes  # type: ignore[import-untyped]
from websockets import ConnectionClosed
from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from ocppd.issuing import STATION, VEHICLE, Issued, PkiError, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from websockets.http11 import Request, Response

T = TypeVar("T")
Direction = Literal["in", "out"]
Answer: TypeAlias = "Callable[[RemoteStation, dict[str, Any]], object]"

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


@dataclass(frozen=True)
class Tls:
    """What the CSMS shows over TLS, whom it lets in, and what it signs.

    `organization` is whom the certificate of a station must belong to (A00.FR.404); None asks for none.
    `signers` are the authorities for CSRs, by CertificateSigningUseEnumType.
    """

    context: ssl.SSLContext
    organization: str | None = None
    signers: Mapping[str, Issued] = field(default_factory=dict)

    @classmethod
    def of(cls, directory: Path, *, mutual: bool, certificate: str = "csms-server") -> Tls:
        """The files of `ocppd pki`. `mutual` wants certificates of stations; raises PkiError.

        `certificate` is the name of the one that is shown, `bad/server-expired` for instance.
        """
        authority = load(directory, "csms-sub-ca")
        signers = {
            "ChargingStationCertificate": authority,
            "V2GCertificate": load(directory, "v2g-sub-ca-2"),
        }
        load(directory, certificate)  # it tells what is wrong with the files better than OpenSSL does
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate.startswith("bad/"):
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL would not even show a weak one
        try:
            context.load_cert_chain(directory / f"{certificate}.pem", directory / f"{certificate}.key")
            if mutual:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(directory / "csms-root.pem")
        except OSError as error:  # of OpenSSL, too
            raise PkiError(f"{directory}: {certificate} or csms-root.pem cannot be used: {error}") from None
        return cls(context, authority.organization if mutual else None, signers)


class Peer(NamedTuple):
    """What was agreed on with a station over TLS; `certificate` is as `ssl` tells it, or empty."""

    version: str
    cipher: str
    certificate: dict[str, Any]

    @property
    def owner(self) -> str:
        """Whom the certificate is for (CN): of a station, its serial number."""
        return self.name("commonName")

    def name(self, kind: str) -> str:
        """A part of the subject, `commonName` for instance; empty where it is not there, or not clear."""
        subject = self.certificate.get("subject", ())
        found = [value for part in subject for key, value in part if key == kind]
        return str(found[0]) if len(found) == 1 else ""


@dataclass(slots=True, eq=False)
class Csms:
    """The CSMS while it runs. What it answers with may be changed at any time and counts from then on.

    `url` is complete but for `/` and the percent-encoded identity. `tokens` gives each known token, in any
    case, its status; others are Invalid unless `accept_all`. `interval` is in seconds, `boot_status` a
    RegistrationStatusEnumType, `group` the group of every token that is known and Accepted, `total_cost` the
    price of every transaction. `stations` holds who is connected, by identity, and with TLS `serials` the
    serial number that each has told; where it shows a certificate, it is for that.
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
    on_connect: Callable[[RemoteStation], None] | None = None
    tls: Tls | None = field(default=None, repr=False)
    serials: dict[str, str] = field(default_factory=dict, init=False)
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

    async def ask(self, identity: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a CALL, both payloads in OCPP's spelling; raises as `call` does, and ValueError.

        ValueError is for an action that no CSMS sends, and for a payload with keys that it does not have.
        """
        kind = getattr(call, action, None)
        if not is_dataclass(kind) or not isinstance(kind, type):
            raise ValueError(f"there is no action {action!r}")
        try:
            request = kind(**camel_to_snake_case(payload))
        except TypeError as error:
            raise ValueError(f"{action}: {str(error).removeprefix(f'{action}.__init__() ')}") from None
        answer = serialize_as_dict(await self.call(identity, request))
        spelled: dict[str, Any] = snake_to_camel_case(remove_nones(answer))
        return spelled

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
        if self.on_connect is not None:
            self.on_connect(station)
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
    on_connect: Callable[[RemoteStation], None] | None = None,
    tls: Tls | None = None,
) -> AsyncIterator[Csms]:
    """Run a CSMS on `host`, on a free port unless one is given; OSError where it cannot listen there.

    With a `password` it demands basic auth, with the identity for the user. `on_message` is called with each
    message as it passes, `on_connect` with each station that comes; neither may raise. On leaving the block,
    every station is disconnected.
    """
    running = Csms(
        tokens=dict(tokens),
        accept_all=accept_all,
        password=password,
        on_message=on_message,
        on_connect=on_connect,
        tls=tls,
    )
    async with serve(
        partial(_attend, running),
        host,
        port or 0,
        subprotocols=[SUBPROTOCOL],
        select_subprotocol=_subprotocol,
        process_request=partial(_admit, running),
        compression=None,
        close_timeout=2,
        ssl=tls.context if tls else None,
    ) as server:
        bound = next(iter(server.sockets)).getsockname()[1]
        scheme = "wss" if tls else "ws"
        running.url = f"{scheme}://[{host}]:{bound}" if ":" in host else f"{scheme}://{host}:{bound}"
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
    if running.tls is not None and (wrong := _wrong_owner(running, running.tls, identity, connection)):
        return connection.respond(HTTPStatus.FORBIDDEN, f"{wrong}\n")
    if password is None:
        return None

    def is_right(user: str, given: str) -> bool:
        return user == identity and hmac.compare_digest(given.encode(), password.encode())

    return await basic_auth("ocppd", check_credentials=is_right)(connection, request)


def _peer(connection: ServerConnection) -> Peer | None:
    """What TLS has come to; None without it."""
    secured = connection.transport.get_extra_info("ssl_object")
    if secured is None:
        return None
    return Peer(secured.version() or "", secured.cipher()[0], secured.getpeercert() or {})


def _wrong_owner(running: Csms, tls: Tls, identity: str, connection: ServerConnection) -> str:
    """Why a certificate is not that of this station; empty where it may be, or where none is asked for."""
    peer = _peer(connection)
    if peer is None or tls.organization is None:
        return ""
    if peer.name("organizationName") != tls.organization:  # A00.FR.404
        return f"The certificate does not belong to {tls.organization}."
    if running.serials.get(identity, peer.owner) != peer.owner:  # A00.FR.405
        return "The certificate is that of another station."
    return ""


async def _attend(running: Csms, connection: ServerConnection) -> None:
    """Serve one connection until it ends."""
    identity = _identity(connection.request.path) if connection.request else None
    if identity is None or connection.subprotocol is None:
        # Part 4: without a common subprotocol, complete the handshake and close at once.
        await connection.close(CloseCode.PROTOCOL_ERROR, f"{SUBPROTOCOL} is spoken here")
        return
    station = RemoteStation(identity, connection, running)
    async with asyncio.TaskGroup() as tasks:
        station.tasks = tasks
        with running.present(station) as older, contextlib.suppress(ConnectionClosed):
            if older is not None:
                tasks.create_task(older.replaced(), name=f"replaced[{identity}]")
            await station.start()


class RemoteStation(ChargePoint):  # type: ignore[misc]
    """One connected station. `connection` is its WebSocket; `gone` is done when it is no longer served.

    `peer` is what TLS has come to, None without it.
    ChargePoint awaits each handler before it reads on, so the handlers here answer at once and never call.
    What is to be called after an answer is one of `tasks`.
    """

    tasks: asyncio.TaskGroup

    def __init__(self, identity: str, connection: ServerConnection, running: Csms) -> None:
        self._tap = _Tap(identity, connection, running.note)
        super().__init__(identity, self._tap, logger=_LOG)
        self.identity = identity
        self.connection = connection
        self.csms = running
        self.peer = _peer(connection)
        self.signed: dict[str, Any] | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def serial(self) -> str:
        """Its serial number, by its certificate or by its own words; empty where neither tells."""
        owner = self.peer.owner if self.peer else ""
        return owner or self.csms.serials.get(self.identity, "")

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

    @after("SignCertificate")  # type: ignore[untyped-decorator]
    def after_sign_certificate(self, **_request: Any) -> None:
        """Send what was signed, once the station has heard that something will come (A02)."""
        if self.signed is not None:
            self.tasks.create_task(self._deliver(self.signed), name=f"signed[{self.identity}]")
            self.signed = None

    async def _deliver(self, signed: dict[str, Any]) -> None:
        try:
            await self.csms.call(self.identity, call.CertificateSigned(**signed))
        except (ConnectionError, TimeoutError, OCPPError) as error:
            _LOG.warning("%s: CertificateSigned: %s", quote(self.identity), error)

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


def _authorize(station: RemoteStation, request: dict[str, Any]) -> object:
    return call_result.Authorize(id_token_info=_id_token_info(station.csms, request["id_token"]))


def _boot_notification(station: RemoteStation, request: dict[str, Any]) -> object:
    """Accept, or what the CSMS was told to; in security profile 3 only whom the certificate is for."""
    running, status = station.csms, station.csms.boot_status
    serial = request["charging_station"].get("serial_number") or ""
    if station.peer is not None and station.peer.owner not in {"", serial}:  # A00.FR.405
        status = "Rejected"
    elif running.tls is not None:
        running.serials[station.identity] = serial
    return call_result.BootNotification(current_time=_now(), interval=running.interval, status=status)


def _sign_certificate(station: RemoteStation, request: dict[str, Any]) -> object:
    """Sign the CSR of a station for its own serial number; the certificate follows the answer (A02)."""
    kind = request.get("certificate_type") or "ChargingStationCertificate"
    signers = station.csms.tls.signers if station.csms.tls else {}
    if kind not in signers:
        return call_result.SignCertificate(status="Rejected")
    # Without TLS before its first boot nobody knows whose certificate it would be.
    use, owner = (VEHICLE, "") if kind == "V2GCertificate" else (STATION, station.serial or "unknown")
    try:
        chain = signers[kind].sign(request["csr"], use, common_name=owner)
    except PkiError as error:
        info = datatypes.StatusInfoType(reason_code="InvalidCSR", additional_info=str(error)[:512])
        return call_result.SignCertificate(status="Rejected", status_info=info)
    station.signed = {"certificate_chain": chain}
    if "certificate_type" in request:
        station.signed["certificate_type"] = kind
    return call_result.SignCertificate(status="Accepted")


def _heartbeat(_station: RemoteStation, _request: dict[str, Any]) -> object:
    return call_result.Heartbeat(current_time=_now())


def _transaction_event(station: RemoteStation, request: dict[str, Any]) -> object:
    running = station.csms
    token = request.get("id_token")
    return call_result.TransactionEvent(
        total_cost=running.total_cost if request["event_type"] == "Ended" else None,
        id_token_info=_id_token_info(running, token) if token else None,
    )


def _always(action: str, answer: Mapping[str, str]) -> Answer:
    return lambda _station, _request: getattr(call_result, action)(**answer)


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
    "StatusNotification": {},
}
_ANSWERS: Final[Mapping[str, Answer]] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "Heartbeat": _heartbeat,
    "SignCertificate": _sign_certificate,
    "TransactionEvent": _transaction_event,
    **{action: _always(action, answer) for action, answer in _ALWAYS.items()},
}


def _handler(action: str, answer: Answer) -> object:
    """Make `answer` a method of RemoteStation, under the name by which ocpp looks for it."""

    def handle(self: RemoteStation, **request: Any) -> object:
        return answer(self, request)

    handle.__name__ = f"on_{action}"
    return on(action)(handle)


for _action, _answer in _ANSWERS.items():
    setattr(RemoteStation, f"on_{_action}", _handler(_action, _answer))


def _line(message: Message) -> str:
    """Write `message` in one line of ASCII: identity and action are a stranger's words."""
    arrow = ">" if message.direction == "in" else "<"
    action = message.action.encode("unicode_escape").decode()
    return f"{quote(message.identity, safe='')} {arrow} {action or '?'} {json.dumps(message.payload)}"


def _arrival(station: RemoteStation) -> str:
    return f"{quote(station.identity, safe='')} has connected: {describe(station.peer)}"


def describe(peer: Peer | None) -> str:
    """What was agreed on, in one line of ASCII: the names in a certificate are a stranger's words."""
    if peer is None:
        return "no TLS"
    words = f"{peer.version}, {peer.cipher}, "
    if not peer.certificate:
        return words + "no client certificate"
    owner = f"CN={peer.owner}, O={peer.name('organizationName')}"
    serial, end = peer.certificate["serialNumber"], peer.certificate["notAfter"]
    words += f"client certificate {owner}, serial {serial}, valid until {end}"
    return words.encode("unicode_escape").decode()


async def _run(port: int, host: str, password: str | None, tls: Tls | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # On Windows, Ctrl-C is a KeyboardInterrupt instead.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with csms(
        port,
        host=host,
        password=password,
        tls=tls,
        on_message=lambda message: typer.echo(_line(message)),
        on_connect=(lambda station: typer.echo(_arrival(station))) if tls else None,
    ) as running:
        typer.echo(f"listening on {running.url}")
        await stop.wait()


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    password: Annotated[str | None, typer.Option(help="Demand basic auth with this password.")] = None,
    pki: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Speak TLS, with the files of `ocppd pki DIR`.")
    ] = None,
    client_certificates: Annotated[
        bool, typer.Option("--client-certificates", help="Demand certificates of stations (profile 3).")
    ] = False,
    certificate: Annotated[
        str, typer.Option(metavar="NAME", help="What to show: bad/server-expired, for instance.")
    ] = "csms-server",
) -> None:
    """Run a small OCPP 2.0.1 CSMS and print one line per message: `>` from a station, `<` to it."""
    if client_certificates and pki is None:
        raise typer.BadParameter("--client-certificates needs --pki")
    try:
        tls = Tls.of(pki, mutual=client_certificates, certificate=certificate) if pki else None
        asyncio.run(_run(port, host, password, tls))
    except PkiError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
