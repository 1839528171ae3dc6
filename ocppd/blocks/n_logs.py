"""N. Logs: diagnostics and the security log, uploaded where the CSMS says (N01).

What is in a log is put together here, line by line, and an edge sends it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from ocppd.blocks import a_security
from ocppd.core import certificates, network, on, views
from ocppd.core.location import PORTS, LocationError, read_location, retries_of
from ocppd.core.state import LogUpload
from ocppd.core.times import format_time, parse_time
from ocppd.core.variables import members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station
    from ocppd.core.variables import Slot

_PROTOCOLS = tuple(sorted(scheme.upper() for scheme in PORTS))
FILE_TRANSFER_PROTOCOLS = members("OCPPCommCtrlr", "FileTransferProtocols", ",".join(_PROTOCOLS), _PROTOCOLS)

_JOB = "log"
_FAILURES = ("UploadFailure", "BadMessage", "PermissionDenied", "NotSupportedOperation")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
# What tells of a customer, and is no matter of diagnostics.
_PERSONAL = frozenset(
    ["id_token", "idToken", "token", "group", "group_id_token", "additionalInfo", "display"]
)


# GetLog


@on.call("GetLog")
def get_log(st: Station, request: Payload) -> Payload:
    """Begin to upload a log, in the place of one that is on its way (N01.FR.01, N01.FR.05, N01.FR.12)."""
    refusal = _refusal(st, request)
    if refusal is not None:
        code, text = refusal
        return {"status": "Rejected", "statusInfo": {"reasonCode": code, "additionalInfo": text}}
    before, st.state.log_upload = st.state.log_upload, _upload(st, request)
    if before is not None:
        st.stop_work(_JOB)
        _notify(st, before, "AcceptedCanceled")  # N01.FR.20
    _notify(st, st.state.log_upload, "Uploading")  # N01.FR.08
    _try(st)
    status = "Accepted" if before is None else "AcceptedCanceled"
    return {"status": status, "filename": st.state.log_upload.name}


def _refusal(st: Station, request: Payload) -> tuple[str, str] | None:
    """The reason code, and words for people, where there is no such log or no way to that place."""
    wanted = request["log"]
    try:
        read_location(wanted["remoteLocation"])
    except LocationError as error:
        return "InvalidURL", str(error)
    oldest, latest = _bounds(wanted)
    now = st.clock
    if (oldest or 0) > now or (latest is not None and latest < (oldest or 0)):
        return "NotFound", "there is nothing in that time"
    if request["logType"] == "SecurityLog" and not a_security.security_log(st, oldest, latest):
        return "NotFound", "the security log has nothing in that time"
    return None


def _bounds(wanted: Payload) -> tuple[float | None, float | None]:
    oldest, latest = (wanted.get(key) for key in ("oldestTimestamp", "latestTimestamp"))
    return oldest and parse_time(oldest), latest and parse_time(latest)


def _upload(st: Station, request: Payload) -> LogUpload:
    kind, wanted = request["logType"], request["log"]
    oldest, latest = _bounds(wanted)
    moment = re.sub(r"[-:]|\.\d+", "", st.timestamp())
    retries, interval = retries_of(request)
    return LogUpload(
        request_id=request["requestId"],
        type=kind,
        url=wanted["remoteLocation"],
        name=f"{_UNSAFE.sub('_', st.id)}-{kind}-{moment}.jsonl",
        retries=retries,
        interval=interval,
        oldest=oldest,
        latest=latest,
    )


def _notify(st: Station, upload: LogUpload, status: str, reason: str = "") -> None:
    """Tell the status to the CSMS, with the id of its request (N01.FR.07), and to those who listen."""
    payload = {"status": status, "requestId": upload.request_id}
    st.send("LogStatusNotification", payload, keep=True)
    told: dict[str, Any] = {"type": upload.type, "id": upload.request_id, "filename": upload.name}
    st.emit("log", **told | {"status": status} | ({"reason": reason} if reason else {}))


# The upload


@on.timer("log")
def try_again(st: Station) -> None:
    """The retryInterval is over."""
    _try(st)


@on.event("started", "power_up")
def start_again(st: Station, _event: Event) -> None:
    """No upload survives a restart, so that it begins anew."""
    if st.state.power and not st.state.rebooting:
        _try(st)


@on.event("power")
def power_cut(st: Station, event: Event) -> None:
    """Without power nothing is uploaded; it begins anew at the power-up."""
    if not event.data["on"]:
        st.stop_work(_JOB)


@on.event("network")
def network_cut(st: Station, event: Event) -> None:
    """Without the network an attempt fails, unless it waits for the next one anyway."""
    if not event.data["on"] and st.state.log_upload is not None and _JOB not in st.state.timers:
        st.stop_work(_JOB)
        _failed(st, st.state.log_upload, "UploadFailure", "the network is gone")


def _try(st: Station) -> None:
    """Have an edge upload the log as it is now."""
    upload = st.state.log_upload
    if upload is None:
        return
    st.cancel(_JOB)
    if not st.state.network:
        _failed(st, upload, "UploadFailure", "there is no network")
        return
    roots = certificates.csms_roots(st)
    content = _lines(_entries(st, upload))
    st.work("upload", _JOB, url=upload.url, name=upload.name, roots=roots, content=content)


@on.work("upload")
def uploaded(st: Station, _key: str, report: Mapping[str, Any]) -> None:
    """The outcome of one attempt: a `status`, and the `reason` of a failure (N01.FR.09, N01.FR.10)."""
    upload = st.state.log_upload
    if upload is None or not st.state.power or st.state.rebooting:
        return  # a station that is down has not seen the end of it
    if report.get("status") == "Uploaded":
        st.state.log_upload = None
        _notify(st, upload, "Uploaded")
        return
    status = report.get("status", "")
    _failed(st, upload, status if status in _FAILURES else _FAILURES[0], report.get("reason", ""))


def _failed(st: Station, upload: LogUpload, status: str, reason: str) -> None:
    """Try again later; the CSMS is told of the last failure alone, as is recommended."""
    if upload.retries > 0:
        upload.retries -= 1
        st.after(upload.interval, _JOB)
        return
    st.state.log_upload = None
    _notify(st, upload, status, reason)


@on.trigger("LogStatusNotification")
def trigger_status(st: Station, _evse: int | None, _connector: int | None) -> list[Callable[[], None]]:
    """Uploading, also between two attempts, or Idle (F06.FR.14, F06.FR.15, N01.FR.13)."""
    upload = st.state.log_upload
    payload = (
        {"status": "Idle"} if upload is None else {"status": "Uploading", "requestId": upload.request_id}
    )
    return [partial(st.send, "LogStatusNotification", payload, while_pending=True)]


# What is in a log: a JSON object a line


def _lines(items: Iterable[Payload]) -> bytes:
    return b"".join(orjson.dumps(it, option=orjson.OPT_APPEND_NEWLINE) for it in items)


def _entries(st: Station, upload: LogUpload) -> Iterable[Payload]:
    """The security log of the time asked for; before it, in the diagnostics, the station as it is now."""
    if upload.type == "DiagnosticsLog":
        yield from _diagnostics(st)
    yield from a_security.security_log(st, upload.oldest, upload.latest)


def _diagnostics(st: Station) -> Iterable[Payload]:
    """Without secrets and without customers."""
    state = st.state
    yield {"station": st.id, "serial": st.description.serial, "generated": st.timestamp()}
    yield {"state": without_customers(views.whole_state(st))}
    yield {"variables": _variables(st)}
    profile = network.in_use(st)
    yield {
        "network_profile": {"slot": state.profiles.slot, "security_profile": profile.security_profile},
        "certificates": dict(Counter(it.use for it in certificates.installed(st))),
        "boot": {"due": state.boot.due, "interval": state.boot.interval},
        "calls": dict(Counter(it.action for it in state.outbox.queue)),
        "dropped": state.outbox.dropped,
        "timers": {name: format_time(at) for name, at in sorted(state.timers.items())},
        "clock_offset": state.clock_offset,
    }


def _variables(st: Station) -> dict[str, str | None]:
    slots = st.model.slots.values()
    return {it.key: st.value(it) for it in slots if "Actual" in it.attributes and not _is_secret(it)}


def _is_secret(slot: Slot) -> bool:
    return slot.mutability("Actual") == "WriteOnly"


def without_customers(value: Any) -> Any:
    """`value`, JSON-able, without the tokens in it."""
    if isinstance(value, dict):
        return {key: without_customers(it) for key, it in value.items() if key not in _PERSONAL}
    return [without_customers(it) for it in value] if isinstance(value, list) else value
