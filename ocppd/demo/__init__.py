"""Everything in one process: a broker, a small CSMS and a station, for looking at and for tests."""

from ocppd.demo.show import run

__all__ = ["run"]
