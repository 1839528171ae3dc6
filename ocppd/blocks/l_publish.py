"""L. Firmware for others: fetched once, and served in the local network (L03, L04).

The standard asks it of local controllers. A station does it where the daemon has a file server for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ocppd.core import certificates, on
from ocppd.core.errors import CallError
from ocppd.core.location import LocationError, read_location, retries_of
from ocppd.core.state import Publication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

MOST = 8  # files served at once
_KIND = "publish"
_MD5 = re.compile(r"[0-9a-f]{32}")
# What the edge reports, but for a download that failed: that is tried again.
_STEPS = ("Downloaded", "ChecksumVerified", "Published", "InvalidChecksum", "PublishFailed")
_ENDS = ("InvalidChecksum", "PublishFailed", "DownloadFailed")


@on.call("PublishFirmware")
def publish_firmware(st: Station, request: Payload) -> Payload:
    """Fetch a file in order to serve it (L03.FR.05)."""
    _require_server(st)
    checksum = request["checksum"].lower()
    try:
        read_location(request["location"])
    except LocationError as error:
        return _rejected("InvalidURL", str(error))
    if not _MD5.fullmatch(checksum):
        return _rejected("InvalidValue", "checksum: the MD5 of a file has 32 hexadecimal digits")
    others = tuple(it for it in st.state.publications if it.checksum != checksum)
    if len(others) >= MOST:
        return _rejected("OutOfStorage", f"{MOST} files are served already")
    retries, interval = retries_of(request)
    publication = Publication(
        request_id=request["requestId"],
        url=request["location"],
        checksum=checksum,
        retries=retries,
        interval=interval,
    )
    st.state.publications = (*others, publication)
    _tell(st, publication, "Downloading")
    _fetch(st, publication)
    return {"status": "Accepted"}


def _require_server(st: Station) -> None:
    if not st.description.hardware.publishes_firmware:
        raise CallError("NotSupported", "transfers.publish is not set: this station serves no firmware")


def _rejected(code: str, text: str) -> Payload:
    return {"status": "Rejected", "statusInfo": {"reasonCode": code, "additionalInfo": text}}


@on.call("UnpublishFirmware")
def unpublish_firmware(st: Station, request: Payload) -> Payload:
    """Serve a file no longer, unless somebody is fetching it (L04.FR.01 to L04.FR.04)."""
    _require_server(st)
    publication = _find(st, request["checksum"].lower())
    if publication is None:
        return {"status": "NoFirmware"}
    if publication.downloads or publication.status != "Published":
        return {"status": "DownloadOngoing"}
    _forget(st, publication)
    return {"status": "Unpublished"}


def _find(st: Station, checksum: str) -> Publication | None:
    return next((it for it in st.state.publications if it.checksum == checksum), None)


def _forget(st: Station, publication: Publication) -> None:
    st.state.publications = tuple(it for it in st.state.publications if it is not publication)
    _arm(st)
    st.work(_KIND, _job(publication), remove=publication.checksum)


def _job(publication: Publication) -> str:
    return f"{_KIND}:{publication.checksum}"


# The file


def _fetch(st: Station, publication: Publication) -> None:
    """Have an edge fetch and serve it; of one that is there already it serves what it has."""
    roots = certificates.csms_roots(st)
    publication.retry_at = None
    st.work(_KIND, _job(publication), url=publication.url, checksum=publication.checksum, roots=roots)


@on.timer(_KIND)
def try_again(st: Station) -> None:
    """A retryInterval is over."""
    for publication in st.state.publications:
        if publication.retry_at is not None and publication.retry_at <= st.now and st.is_running:
            _fetch(st, publication)
    _arm(st)


def _arm(st: Station) -> None:
    moments = [it.retry_at for it in st.state.publications if it.retry_at is not None]
    st.cancel(_KIND)
    if moments:
        st.at(min(moments), _KIND)


@on.event("started", "power_up")
def serve_again(st: Station, _event: Event) -> None:
    """What was served is served again, and what was on its way is fetched anew."""
    if st.state.power and not st.state.rebooting and st.description.hardware.publishes_firmware:
        for publication in st.state.publications:
            publication.downloads = 0
            _fetch(st, publication)


@on.event("power", "reset")
def down(st: Station, event: Event) -> None:
    """Nothing is served without power."""
    if event.name == "reset" or not event.data["on"]:
        for publication in st.state.publications:
            st.stop_work(_job(publication))


@on.work(_KIND)
def progress(st: Station, key: str, report: Mapping[str, Any]) -> None:
    """A new `status`, with `locations` once it is Published; or how many `downloads` there are."""
    publication = _find(st, key.partition(":")[2])
    if publication is None or not st.is_running:
        return
    if "downloads" in report:
        publication.downloads = report["downloads"]
        return
    status = report.get("status")
    if status in _STEPS:
        _tell(st, publication, status, report.get("locations", ()))
    else:
        _try_later(st, publication)


def _try_later(st: Station, publication: Publication) -> None:
    if publication.retries > 0:
        publication.retries -= 1
        publication.retry_at = st.now + publication.interval
        _arm(st)
    else:
        _tell(st, publication, "DownloadFailed")  # L03.FR.06


def _tell(st: Station, publication: Publication, status: str, locations: tuple[str, ...] = ()) -> None:
    """Every new status (L03.FR.01, L03.FR.04, L03.FR.07 to L03.FR.09)."""
    if publication.status == status == "Published":
        return  # the daemon was restarted
    publication.status = st.state.publish_status = status
    st.state.publish_request_id = publication.request_id
    payload: Payload = {"status": status, "requestId": publication.request_id}
    if locations:
        payload["location"] = list(locations)
    st.send("PublishFirmwareStatusNotification", payload, keep=True)
    st.emit("firmware", status=status, id=publication.request_id, published=publication.checksum)
    if status in _ENDS:
        _forget(st, publication)


@on.trigger("PublishFirmwareStatusNotification")
def trigger_status(st: Station, _evse: int | None, _connector: int | None) -> list[Callable[[], None]] | None:
    """What was told last, or Idle after Published and where nothing was (L03.FR.10, L03.FR.11)."""
    if not st.description.hardware.publishes_firmware:
        return None
    status = st.state.publish_status
    payload: Payload = {"status": "Idle"}
    if status not in (None, "Published"):
        payload = {"status": status, "requestId": st.state.publish_request_id}
    return [partial(st.send, "PublishFirmwareStatusNotification", payload, while_pending=True)]
