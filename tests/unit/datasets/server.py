"""A publisher on this machine: a made tree over HTTP with ranges (RFC 9110), which can break off and lie."""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Publisher(ThreadingHTTPServer):
    """Serves `files` by path; what it was asked for is in `asked`, as (path, Range header).

    Parameters
    ----------
    files : dict
        Bytes by path, without a leading slash.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.asked: list[tuple[str, str | None]] = []
        #: Answers of a path that break off after so many bytes, one entry an answer.
        self.breaks: dict[str, list[int]] = {}
        self.knows_ranges = True
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/set/1.0.0/"

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a client leaves."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Publisher

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.removeprefix("/set/1.0.0/")
        wanted = self.headers.get("Range")
        self.server.asked.append((path, wanted))
        content = self.server.files.get(path)
        if content is None:
            self._head(404, 0)
            return
        start = 0
        if wanted and self.server.knows_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if start >= len(content):
                self._head(416, 0, f"bytes */{len(content)}")
                return
            self._head(206, len(content) - start, f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self._head(200, len(content))
        answer = content[start:]
        breaks = self.server.breaks.get(path)
        if breaks:
            self.wfile.write(answer[: breaks.pop(0)])
            self.wfile.flush()
            self.close_connection = True
        else:
            self.wfile.write(answer)

    def _head(self, status: int, length: int, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()


def sums_of(files: dict[str, bytes]) -> bytes:
    """Return the list that ``sha256sum`` would write."""
    return "".join(f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in files.items()).encode()
