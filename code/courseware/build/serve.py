"""A small server for the built book: 127.0.0.1 only, compressed, cached as a real host would."""

from __future__ import annotations

import functools
import gzip
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMPRESSIBLE = {".html", ".js", ".mjs", ".css", ".json", ".svg", ".txt", ".xml", ".map"}


@functools.lru_cache(maxsize=512)
def _content(path: Path, modified: int, compressed: bool) -> tuple[bytes, str]:
    """A file's bytes as sent, and their tag; `modified` makes a changed file a new entry."""
    content = path.read_bytes()
    tag = hashlib.sha256(content).hexdigest()[:20]
    return (gzip.compress(content, 6, mtime=0) if compressed else content), tag


class BookHandler(SimpleHTTPRequestHandler):
    """Serves one folder, with gzip, entity tags, and no directory listings."""

    protocol_version = "HTTP/1.1"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".woff2": "font/woff2",
    }

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            if not urlsplit(self.path).path.endswith("/"):
                self.send_response(301)
                self.send_header("Location", urlsplit(self.path).path + "/")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path = path / "index.html"
        if not path.is_file():
            self.send_error(404)
            return
        wants = "gzip" in self.headers.get("Accept-Encoding", "")
        compressed = wants and path.suffix in COMPRESSIBLE
        body, tag = _content(path, path.stat().st_mtime_ns, compressed)
        etag = f'"{tag}{"-gz" if compressed else ""}"'
        if self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.send_header("ETag", etag)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", self._type(path))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag)
        # Sphinx names assets by content (?v=…); pages are asked for again each time.
        fixed = "v=" in urlsplit(self.path).query
        self.send_header("Cache-Control", "max-age=31536000, immutable" if fixed else "no-cache")
        self.send_header("Vary", "Accept-Encoding")
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _type(self, path: Path) -> str:
        kind = self.guess_type(str(path))
        return f"{kind}; charset=utf-8" if path.suffix in COMPRESSIBLE else kind

    def log_message(self, *_: object) -> None:
        pass


class BookServer:
    """`with BookServer(folder) as address:` serves in a thread for as long as the block runs."""

    def __init__(self, folder: Path, port: int = 0):
        handler = functools.partial(BookHandler, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> str:
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self.address

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def serve_forever(folder: Path, port: int = 0) -> int:
    """Serve until interrupted; print the address."""
    if not (folder / "index.html").exists():
        print(f"No book in {folder} yet: `make html` builds it.")
        return 1
    server = BookServer(folder, port)
    print(f"The book is at {server.address}/ (Ctrl+C ends it)", flush=True)
    try:
        server.server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server.server_close()
    return 0
