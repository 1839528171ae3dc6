"""The station itself: plain data and functions, without I/O, clocks or randomness."""
