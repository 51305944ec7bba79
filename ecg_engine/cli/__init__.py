"""The command line: a thin door. It parses, calls the pipeline, writes files and prints; nothing else.

Only `typer` is imported to parse a line. What a command needs, NumPy included, is imported when it runs.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

#: Exit status after Ctrl-C, as shells have it: 128 + SIGINT.
INTERRUPTED = 130


def main() -> None:
    """Run ``ecg-engine``; does not return."""
    try:
        from ecg_engine.cli.app import app

        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        app(prog_name="ecg-engine")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
