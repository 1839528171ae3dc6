"""N. GetMonitoringReport: the monitors that there are, page by page (N02)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks.n_monitoring import is_enabled, rejected
from ocppd.core import monitors, on
from ocppd.core.errors import CallError
from ocppd.core.state import MonitoringReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocppd.core.schemas import Payload
    from ocppd.core.state import Monitor, QueuedCall
    from ocppd.core.station import Station

_PAGE = 50  # monitors in a message
# What there may be of componentVariable elements, where the model does not say it (N02.FR.07).
_ITEMS = "DeviceDataCtrlr.ItemsPerMessage[GetReport]"
_MOST_ITEMS = 50

_TYPES = {
    "ThresholdMonitoring": monitors.THRESHOLDS,
    "DeltaMonitoring": ("Delta", *monitors.TARGETS),
    "PeriodicMonitoring": monitors.PERIODICS,
}


@on.call("GetMonitoringReport")
def get_monitoring_report(st: Station, request: Payload) -> Payload:
    """Accepted: the pages follow this answer (N02.FR.01, N02.FR.03). One report at a time."""
    wanted = request.get("componentVariable", [])
    if not is_enabled(st):
        return rejected("NotEnabled")
    if len(wanted) > _most_items(st):
        raise CallError("OccurrenceConstraintViolation", f"at most {_most_items(st)} elements in a message")
    if st.state.monitoring_report is not None:
        return rejected("Unspecified")
    types = {it for name in request.get("monitoringCriteria", _TYPES) for it in _TYPES[name]}
    found = [it.id for it in st.state.monitors if it.active and it.type in types and _fits(st, it, wanted)]
    if not found:
        return {"status": "EmptyResultSet"}  # N02.FR.10
    st.state.monitoring_report = MonitoringReport(request["requestId"], sorted(found))
    _send_page(st, st.state.monitoring_report)
    return {"status": "Accepted"}


def _most_items(st: Station) -> int:
    slot = st.model.slots.get(_ITEMS)
    return _MOST_ITEMS if slot is None else int(st.value(slot) or _MOST_ITEMS)


def _fits(st: Station, monitor: Monitor, wanted: Iterable[Payload]) -> bool:
    """Whether one of the ComponentVariableTypes means its variable; without any, all do (N02.FR.11).

    What it leaves out may be any (N02.FR.16 on).
    """
    slot = st.model.slots[monitor.variable]
    return not wanted or any(slot.is_meant(it["component"], it.get("variable")) for it in wanted)


@on.reply("NotifyMonitoringReport")
def page_arrived(st: Station, _call: QueuedCall, _response: Payload) -> None:
    """Send the next page, if there is one."""
    report = st.state.monitoring_report
    if report is not None and report.ids:
        _send_page(st, report)
    else:
        st.state.monitoring_report = None


@on.failed("NotifyMonitoringReport")
def page_lost(st: Station, _call: QueuedCall, _failure: CallError) -> None:
    """Whoever asked must ask again."""
    st.state.monitoring_report = None


def _send_page(st: Station, report: MonitoringReport) -> None:
    """The next page; those of its monitors that were cleared in the meantime are not in it."""
    numbers, report.ids = report.ids[:_PAGE], report.ids[_PAGE:]
    page = [it for it in st.state.monitors if it.id in numbers and it.active]
    payload: Payload = {
        "requestId": report.request_id,
        "generatedAt": st.timestamp(),
        "seqNo": report.seq_no,
        "tbc": bool(report.ids),
    }
    if page:
        payload["monitor"] = _by_variable(st, page)
    report.seq_no += 1
    st.send("NotifyMonitoringReport", payload, while_pending=True)


def _by_variable(st: Station, page: list[Monitor]) -> list[Payload]:
    """The MonitoringDataTypes: of each variable all its monitors on the page."""
    found: dict[str, Payload] = {}
    for monitor in page:
        slot = st.model.slots[monitor.variable]
        data = found.setdefault(
            slot.key, {"component": slot.component(), "variable": slot.name(), "variableMonitoring": []}
        )
        told = {name: getattr(monitor, name) for name in ("id", "transaction", "value", "type", "severity")}
        data["variableMonitoring"].append(told | {"eventNotificationType": monitor.kind})
    return list(found.values())
