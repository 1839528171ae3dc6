"""L. Firmware: downloaded, checked and installed as the CSMS asks (L01, L02).

An edge downloads and looks at the image; when what comes next, and what the CSMS is told, is decided here. An
update is in one of these stages: `scheduled`, `downloading`, `waiting` to be installed, `installing`,
`rebooting`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ocppd.blocks import a_security, b_reset
from ocppd.core import certificates, on
from ocppd.core.errors import CommandError
from ocppd.core.location import LocationError, read_location, retries_of
from ocppd.core.state import FirmwareUpdate
from ocppd.core.station import Done
from ocppd.core.times import parse_time
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

ALLOW_NEW_SESSIONS = boolean(
    "ChargingStation", "AllowNewSessionsPendingFirmwareUpdate", False, mutability="ReadWrite"
)

INSTALL_SECONDS = 10  # what writing the image and checking it takes
_JOB = "firmware"
_TIMER = "firmware"
_MANUFACTURER_ROOT = "ManufacturerRootCertificate"
_LONGEST_VERSION = 50

Failure = Literal["DownloadFailed", "InvalidSignature", "InstallVerificationFailed", "InstallationFailed"]


# UpdateFirmware


@on.call("UpdateFirmware")
def update_firmware(st: Station, request: Payload) -> Payload:
    """Begin an update, in the place of one that can still be given up (L01.FR.24, L02.FR.15)."""
    before = st.state.firmware_update
    if before is not None and before.stage in ("installing", "rebooting"):  # L01.FR.27, L02.FR.18
        return _refused("Rejected", "FwUpdateInProgress", "the firmware is being installed")
    refusal = _refusal(st, request["firmware"])
    if refusal is not None:
        return refusal
    if before is not None:
        _forget(st)
    st.state.firmware_update = _update(st, request)
    _begin_when_due(st, st.state.firmware_update)
    return {"status": "Accepted" if before is None else "AcceptedCanceled"}


def _refused(status: str, code: str, text: str) -> Payload:
    return {"status": status, "statusInfo": {"reasonCode": code, "additionalInfo": text}}


def _refusal(st: Station, firmware: Payload) -> Payload | None:
    """Why that firmware will not be fetched; its certificate is looked at before the answer (L01.FR.21)."""
    try:
        read_location(firmware["location"])
    except LocationError as error:
        return _refused("Rejected", "InvalidURL", str(error))
    roots = certificates.installed(st, _MANUFACTURER_ROOT)
    certificate, signature = firmware.get("signingCertificate"), firmware.get("signature")
    if certificate is None and signature is None and not roots:
        return None  # a station whose manufacturer signs nothing (L02)
    if certificate is None or signature is None:
        return _refused("Rejected", "MissingParam", "firmware needs signingCertificate and signature here")
    if flaw := _flaw(st, certificate, "".join(it.pem for it in roots)):
        a_security.notify(st, "InvalidFirmwareSigningCertificate", flaw)  # L01.FR.02
        return _refused("InvalidCertificate", "InvalidCertificate", flaw)  # L01.FR.22
    return None


def _flaw(st: Station, certificate: str, roots: str) -> str:
    """Why the signing certificate is not to be trusted (L01.FR.12); empty where it is."""
    from ocppd.core import x509  # noqa: PLC0415 - for those alone who have certificates

    moment = st.clock
    try:
        chain = x509.read(certificate, x509.LONGEST_CHAIN)
        x509.check_chain(chain, x509.stored(roots), moment)
        x509.check_period(chain[0], moment)
    except x509.CertificateError as error:
        return str(error)
    return ""


def _update(st: Station, request: Payload) -> FirmwareUpdate:
    firmware = request["firmware"]
    retries, interval = retries_of(request)
    return FirmwareUpdate(
        request_id=request["requestId"],
        url=firmware["location"],
        signature=firmware.get("signature"),
        certificate=firmware.get("signingCertificate"),
        retrieve_at=_moment(st, firmware["retrieveDateTime"]) or st.now,
        install_at=_moment(st, firmware.get("installDateTime")),
        retries=retries,
        interval=interval,
    )


def _moment(st: Station, text: str | None) -> float | None:
    """That moment of the station's own clock, in epoch seconds of the daemon's."""
    moment = None if text is None else parse_time(text)
    return None if moment is None else moment - st.state.clock_offset


# Every status


def _tell(st: Station, update: FirmwareUpdate, status: str, reason: str = "") -> None:
    """A new status, for the CSMS with the id of its request and for all who listen (L01.FR.01, L01.FR.10)."""
    st.state.firmware_status = status
    st.state.firmware_request_id = update.request_id
    st.send("FirmwareStatusNotification", {"status": status, "requestId": update.request_id}, keep=True)
    told: dict[str, Any] = {"status": status, "id": update.request_id}
    st.emit("firmware", **(told | ({"reason": reason} if reason else {})))


def _fail(st: Station, update: FirmwareUpdate, status: str, reason: str) -> None:
    _forget(st)
    _tell(st, update, status, reason)


def _forget(st: Station) -> None:
    """There is no update any more; what was closed for it opens again."""
    st.stop_work(_JOB)
    st.cancel(_TIMER)
    update, st.state.firmware_update = st.state.firmware_update, None
    if update is not None and update.closes:
        st.emit("availability_changed")


@on.trigger("FirmwareStatusNotification")
def trigger_status(st: Station, _evse: int | None, _connector: int | None) -> list[Callable[[], None]]:
    """What was told last, or Idle after Installed and where nothing was (L01.FR.25, L01.FR.26, L01.FR.20)."""
    status = st.state.firmware_status
    payload: Payload = {"status": "Idle"}
    if status not in (None, "Installed"):
        payload = {"status": status, "requestId": st.state.firmware_request_id}
    return [partial(st.send, "FirmwareStatusNotification", payload, while_pending=True)]


# Going on


@on.timer(_TIMER)
def time_has_come(st: Station) -> None:
    """To download, to try again, to install, or to be done with that."""
    update = st.state.firmware_update
    if update is None or not st.is_running:
        return
    match update.stage:
        case "scheduled" | "downloading":
            _begin_when_due(st, update)
        case "waiting":
            _install_when_due(st, update)
        case "installing":
            _installed(st, update)


@on.event("started", "power_up")
def go_on(st: Station, event: Event) -> None:
    """No download survives a restart, nor a power cut; and an installation begins anew after one."""
    update = st.state.firmware_update
    if update is None or not st.state.power or st.state.rebooting:
        return
    match update.stage:
        case "scheduled" | "downloading":
            _begin_when_due(st, update)
        case "waiting":
            _install_when_due(st, update)
        case "installing" if event.name == "power_up":
            st.after(INSTALL_SECONDS, _TIMER)


@on.event("power", "reset")
def interrupted(st: Station, event: Event) -> None:
    """Without power, and in a reset, nothing is downloaded."""
    if event.name == "reset" or not event.data["on"]:
        st.stop_work(_JOB)


@on.event("network")
def network_cut(st: Station, event: Event) -> None:
    """Without the network a download fails, unless it waits for its next attempt anyway."""
    update = st.state.firmware_update
    if update is None or event.data["on"] or update.stage != "downloading" or update.paused:
        return
    if _TIMER not in st.state.timers:
        st.stop_work(_JOB)
        _try_again(st, update, "the network is gone")


# The download


def _begin_when_due(st: Station, update: FirmwareUpdate) -> None:
    if st.now >= update.retrieve_at:
        _download(st, update)
        return
    st.at(update.retrieve_at, _TIMER)
    if st.state.firmware_status != "DownloadScheduled" or update.stage != "scheduled":
        _tell(st, update, "DownloadScheduled")  # L01.FR.13, L02.FR.07


def _download(st: Station, update: FirmwareUpdate) -> None:
    """Have an edge fetch the image, and look at it."""
    st.cancel(_TIMER)
    update.stage = "downloading"
    if update.paused:
        return
    if not update.told_downloading:
        update.told_downloading = True
        _tell(st, update, "Downloading")
    if not st.state.network:
        _try_again(st, update, "there is no network")
        return
    roots = certificates.csms_roots(st)
    st.work(
        "firmware",
        _JOB,
        url=update.url,
        roots=roots,
        certificate=update.certificate,
        signature=update.signature,
    )


@on.work("firmware")
def downloaded(st: Station, _key: str, report: Mapping[str, Any]) -> None:
    """What became of it.

    `status` is Downloaded, or there is the `reason` of a failure; `signed` says whether the signature is
    right, `version` what the image is, and `flaw` what keeps it from being installed.
    """
    update = st.state.firmware_update
    if update is None or update.stage != "downloading" or not st.is_running:
        return  # a station that is down has not seen the end of it
    if report.get("status") != "Downloaded" or update.fail == "DownloadFailed":
        _try_again(st, update, report.get("reason", ""))
        return
    update.stage, update.version = "waiting", str(report.get("version", ""))[:_LONGEST_VERSION]
    update.flaw = str(report.get("flaw", ""))
    _tell(st, update, "Downloaded")
    if update.signature is None:
        _install_when_due(st, update)
    elif report.get("signed") and update.fail != "InvalidSignature":
        _tell(st, update, "SignatureVerified")
        _install_when_due(st, update)
    else:
        _fail(st, update, "InvalidSignature", "the signature is not that of this image")
        a_security.notify(st, "InvalidFirmwareSignature")  # L01.FR.03


def _try_again(st: Station, update: FirmwareUpdate, reason: str) -> None:
    """Later; the CSMS is told of the last failure alone (L01.FR.30, L02.FR.19)."""
    if update.retries <= 0:
        _fail(st, update, "DownloadFailed", reason)
        return
    update.retries -= 1
    update.retrieve_at = st.now + update.interval
    st.at(update.retrieve_at, _TIMER)


# The installation


def _install_when_due(st: Station, update: FirmwareUpdate) -> None:
    """Now, at installDateTime, or when nobody charges any more (L01.FR.05, L01.FR.06, L01.FR.16)."""
    if update.install_at is not None and st.now < update.install_at:
        st.at(update.install_at, _TIMER)
        _tell_once(st, update, "InstallScheduled")
    elif _is_in_use(st):
        _close(st, update, not st.get(ALLOW_NEW_SESSIONS))  # L01.FR.07
        _tell_once(st, update, "InstallScheduled")  # L01.FR.34
    else:
        _install(st, update)


def _tell_once(st: Station, update: FirmwareUpdate, status: str) -> None:
    if st.state.firmware_status != status or st.state.firmware_request_id != update.request_id:
        _tell(st, update, status)


def _is_in_use(st: Station) -> bool:
    return any(evse.transaction or evse.authorization for evse in st.state.evses)


def _close(st: Station, update: FirmwareUpdate, wanted: bool) -> None:
    """Make what is not in use Unavailable, or let it be used."""
    if update.closes != wanted:
        update.closes = wanted
        st.emit("availability_changed")


@on.event("tx_ended", "deauthorized")
def may_be_idle(st: Station, _event: Event) -> None:
    """Somebody has left: look again when this is over."""
    update = st.state.firmware_update
    if update is not None and update.stage == "waiting":
        st.after(0, _TIMER)


@on.event("variable_changed")
def sessions_allowed(st: Station, event: Event) -> None:
    """AllowNewSessionsPendingFirmwareUpdate counts at once."""
    update = st.state.firmware_update
    if event.data["key"] != ALLOW_NEW_SESSIONS.station_key or update is None:
        return
    if update.stage == "waiting":
        _install_when_due(st, update)


def _install(st: Station, update: FirmwareUpdate) -> None:
    update.stage = "installing"
    _close(st, update, True)
    _tell(st, update, "Installing")
    st.after(INSTALL_SECONDS, _TIMER)


def _installed(st: Station, update: FirmwareUpdate) -> None:
    """It is written: what is wrong with it shows now, else the station boots with it (L01.FR.29)."""
    if update.fail == "InstallationFailed":
        _fail(st, update, "InstallationFailed", "it was told to fail")
    elif update.flaw or update.fail == "InstallVerificationFailed":
        _fail(st, update, "InstallVerificationFailed", update.flaw or "it was told to fail")
    else:
        update.stage = "rebooting"
        _tell(st, update, "InstallRebooting")  # L01.FR.32, L02.FR.21
        st.state.firmware = update.version or st.state.firmware
        b_reset.schedule_reset(st, "Immediate", "FirmwareUpdate")


@on.event("boot")
def activated(st: Station, event: Event) -> None:
    """The station has come up with it, and the CSMS knows (L01.FR.28, L01.FR.31, L02.FR.20)."""
    update = st.state.firmware_update
    if update is None or update.stage != "rebooting" or event.data["registration"] != "Accepted":
        return
    _forget(st)
    _tell(st, update, "Installed")
    a_security.notify(st, "FirmwareUpdated", update.version)


# Commands


@on.command("firmware")
def firmware(
    st: Station, action: Literal["pause", "resume", "fail"], status: Failure = "InstallationFailed"
) -> Done:
    """Disturb the firmware update under way.

    `pause` or `resume` its download, or let it `fail` with `status`.
    """
    st.require_power()
    update = st.state.firmware_update
    if update is None:
        raise CommandError("invalid_state", "there is no firmware update")
    if action == "fail":
        changed, update.fail = update.fail != status, status
        return Done(changed)
    if update.stage != "downloading":
        raise CommandError("invalid_state", "nothing is being downloaded")
    return Done(_pause(st, update) if action == "pause" else _resume(st, update))


def _pause(st: Station, update: FirmwareUpdate) -> bool:
    """DownloadPaused (L01.FR.14, L02.FR.08): what was fetched is lost."""
    if update.paused:
        return False
    update.paused = True
    st.stop_work(_JOB)
    st.cancel(_TIMER)
    _tell(st, update, "DownloadPaused")
    return True


def _resume(st: Station, update: FirmwareUpdate) -> bool:
    if not update.paused:
        return False
    update.paused = update.told_downloading = False
    _download(st, update)
    return True
