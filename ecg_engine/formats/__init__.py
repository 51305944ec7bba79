"""ECG files in and out: one table of formats, one Recording.

``FORMATS`` is the table; `read_ecg` and `open_ecg` find the reader by content, `write_ecg` the writer by suffix;
`losses` says what a file that was written does not hold.
"""

from ecg_engine.formats._describe import describe
from ecg_engine.formats._reading import RecordingReader, open_ecg, read_ecg, write_ecg
from ecg_engine.formats.anonymize import Anonymizer
from ecg_engine.formats.losses import losses
from ecg_engine.formats.registry import FORMATS, Format

__all__ = [
    "FORMATS",
    "Anonymizer",
    "Format",
    "RecordingReader",
    "describe",
    "losses",
    "open_ecg",
    "read_ecg",
    "write_ecg",
]
