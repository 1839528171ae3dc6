"""The chapters of the specification, one module each; `ALL` is every one that is built.

The order is that of the reactions to one event: a connector's status is told before its transaction.
"""

from __future__ import annotations

from ocppd.blocks import (
    a_security,
    a_tls_events,
    b_provisioning,
    c_authorization,
    e_transactions,
    f_remote_control,
    g_availability,
    h_reservation,
    j_meter_values,
    link,
    n_diagnostics,
    n_monitoring,
    n_monitoring_report,
    p_data_transfer,
)
from ocppd.core import comm
from ocppd.core.on import Handlers

ALL = (
    comm,
    link,
    b_provisioning,
    c_authorization,
    g_availability,
    h_reservation,
    a_security,
    a_tls_events,
    n_monitoring,
    n_monitoring_report,
    n_diagnostics,
    e_transactions,
    f_remote_control,
    j_meter_values,
    p_data_transfer,
)


def handlers() -> Handlers:
    """Everything that the blocks do, by what triggers it."""
    return Handlers.collect(ALL)
