"""Everything in one process: a broker, a small CSMS and a station, for looking at and for tests."""
