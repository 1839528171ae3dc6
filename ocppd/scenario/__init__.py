"""Scenarios: files that say what happens to stations, and what is expected to come of it.

    a file → model (checked) → engine (a pure machine) ⇄ host (drives it over a `Fleet`) → report

`host` is the only one, in the daemon and in virtual time: `virtual` gives it a clock that jumps, links in
memory and a CSMS in memory. `remote` has a daemon run a file, over MQTT. `library` finds files by name.
"""
