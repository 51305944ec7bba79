"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the block a new name in the folder of `path`; rename it to `path` if the block ends well.

    The data reach the disk before the name does, so that after a crash the old file or the new one is there.

    Examples
    --------
    >>> with replacing(Path("out.edf")) as new:  # doctest: +SKIP
    ...     new.write_bytes(b"...")
    """
    new = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
