"""What the standard knows and this station does not do yet, told as it is: not available, off, ReadOnly.

Whoever builds one of these takes it out here, and declares the variables beside their use.
"""

from __future__ import annotations

from ocppd.blocks.j_meter_values import MEASURANDS
from ocppd.core.variables import boolean, integer, members

_CONTROLLERS = ("AuthCacheCtrlr", "DisplayMessageCtrlr", "LocalAuthListCtrlr", "SmartChargingCtrlr")

NOT_AVAILABLE = tuple(
    boolean(controller, name, False) for controller in _CONTROLLERS for name in ("Available", "Enabled")
)
NO_TARIFF = tuple(
    boolean("TariffCostCtrlr", name, False, instance=what)
    for what in ("Tariff", "Cost")
    for name in ("Available", "Enabled")
)
NO_LOCAL_AUTHORIZATION = tuple(
    boolean("AuthCtrlr", name, False) for name in ("LocalAuthorizeOffline", "LocalPreAuthorize")
)
# Clock-aligned values are only read on request, see AlignedDataCtrlr.Measurands.
NO_ALIGNED_DATA = (
    *(boolean("AlignedDataCtrlr", name, False) for name in ("Available", "Enabled")),
    *(integer("AlignedDataCtrlr", name, 0, unit="s") for name in ("Interval", "TxEndedInterval")),
    members("AlignedDataCtrlr", "TxEndedMeasurands", "", MEASURANDS),
)
# Neither logs nor firmware are transferred.
NO_FILE_TRANSFER = members(
    "OCPPCommCtrlr", "FileTransferProtocols", "", ("FTP", "FTPS", "HTTP", "HTTPS", "SFTP")
)
