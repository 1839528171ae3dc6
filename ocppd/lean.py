"""To be imported before structlog: keeps it from loading rich.

It would do so for tracebacks that show local variables, secrets among them. We write plain ones, and so spare
the daemon 7 MB and a tenth of its start. Not for `ocppd.testing`: the structlog of a test suite is not ours.
"""

import sys

if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # what `import` takes for a module that is not there
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
