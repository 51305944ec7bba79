"""PDF to PNG: pixels by pdfium, the file by `png`."""

from __future__ import annotations

from threading import Lock
from typing import Final

import numpy as np

from ecg_engine.report.png import encode_png

__all__ = ["to_png"]

#: pdfium is not thread-safe.
_LOCK: Final = Lock()


def to_png(pdf: bytes, *, dpi: int) -> bytes:
    """Return the only page of `pdf` as an RGB PNG that says its resolution."""
    import pypdfium2

    with _LOCK:
        document = pypdfium2.PdfDocument(pdf)
        page = document[0]
        bitmap = page.render(scale=dpi / 72, rev_byteorder=True)
        pixels = np.array(bitmap.to_numpy()[:, :, :3])
        for handle in (bitmap, page, document):
            handle.close()
    return encode_png(pixels, dpi=dpi, level=2)
