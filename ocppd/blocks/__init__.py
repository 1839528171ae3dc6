"""The chapters of the specification, one module each; `ALL` is every one that is built.

The order is that of the reactions to one event: a connector's status is told before its transaction.
"""

from __future__ import annotations

from ocppd.blocks import (
    a_certificates,
    a_security,
    a_tls_events,
    b_clock,
    b_device_model,
    b_hardware,
    b_network_profiles,
    b_provisioning,
    c_authorization,
    e_transactions,
    f_remote_control,
    g_availability,
    h_reservation,
    j_meter_values,
    link,
    m_certificate_status,
    m_certificates,
    n_diagnostics,
    n_monitoring,
    n_monitoring_report,
    not_built,
    p_data_transfer,
)
from ocppd.core import comm, network
from ocppd.core.on import Handlers

ALL = (
    comm,
    network,
    b_hardware,
    b_device_model,
    link,
    m_certificates,
    b_network_profiles,
    b_provisioning,
    b_clock,
    c_authorization,
    g_availability,
    h_reservation,
    a_security,
    a_tls_events,
    a_certificates,
    m_certificate_status,
    n_monitoring,
    n_monitoring_report,
    n_diagnostics,
    e_transactions,
    f_remote_control,
    j_meter_values,
    p_data_transfer,
    not_built,
)


def handlers() -> Handlers:
    """Everything that the blocks do, by what triggers it."""
    return Handlers.collect(ALL)
