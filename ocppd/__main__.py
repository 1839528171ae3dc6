"""`python -m ocppd` is `ocppd`."""

from ocppd.cli import app

app()
