"""The web app's own files: read once, sent from memory, and nothing outside them."""

import gzip
import hashlib
import mimetypes
from pathlib import Path, PurePath
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from realtime_api.problems import Problem

MOST_BYTES = 32 * 1024 * 1024  # of all files together: anything beyond is no web app of ours
PACKED = ("text/", "application/json", "application/javascript", "application/manifest", "image/svg")
KINDS = {".webmanifest": "application/manifest+json", ".js": "text/javascript"}  # a machine's own table may lack them
# Pages of the one web app, which reads the address itself; `*` is a pseudonym or a FINESS.
ROUTES = ("alerts", "alerts/worth", "seen", "a", "patients", "patients/*", "sitting/*", "calls", "trail")
LONGEST_NAME = 128
INDEX, WORKER = "index.html", "sw.js"
FOR_EVER = "public, max-age=31536000, immutable"


class File(NamedTuple):
    """One file as it is sent."""

    body: bytes
    packed: bytes | None
    headers: dict[str, str]


def policy(tile_url: str) -> str:
    """Return the Content-Security-Policy of the pages: everything from here, and tiles from where they are."""
    tiles = f" {urlsplit(tile_url).scheme}://{urlsplit(tile_url).netloc}" if tile_url else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            f"img-src 'self' data: blob:{tiles}",
            f"connect-src 'self'{tiles}",
            "worker-src 'self' blob:",  # MapLibre makes its worker from a blob
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def secure_headers(tile_url: str) -> dict[str, str]:
    """Return the headers of every page."""
    return {
        "content-security-policy": policy(tile_url),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), payment=(), geolocation=(self)",
    }


def is_route(name: str) -> bool:
    """Return whether a path is a page of the web app and no file of its own."""
    kind, _, rest = name.partition("/")
    return name in ROUTES or (f"{kind}/*" in ROUTES and 0 < len(rest) <= LONGEST_NAME and "/" not in rest)


class Pages:
    """The files of `dashboards/dist`, by path."""

    def __init__(self, directory: Path, tile_url: str) -> None:
        self._headers = secure_headers(tile_url)
        self._files: dict[str, File] = {}
        size = 0
        for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
            if path.is_file():
                body = path.read_bytes()
                size += len(body)
                if size > MOST_BYTES:
                    raise ValueError(f"{directory} holds more than {MOST_BYTES} bytes")
                name = path.relative_to(directory).as_posix()
                self._files[name] = self._file(name, body)

    def _file(self, name: str, body: bytes) -> File:
        kind = KINDS.get(PurePath(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        packed = gzip.compress(body, 9, mtime=0) if kind.startswith(PACKED) and len(body) > 512 else None
        headers = self._headers | {
            "content-type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
            # Vite names an asset by its content, so that what was fetched once never has to be asked for again.
            "cache-control": FOR_EVER if name.startswith("assets/") else "no-cache",
            "etag": f'"{hashlib.sha256(body).hexdigest()[:16]}"',
            "vary": "accept-encoding",
        }
        if name == WORKER:
            headers["service-worker-allowed"] = "/"
        return File(body, packed, headers)

    async def page(self, request: Request) -> Response:
        """Return a file, the index for `/` and the app's other addresses; raise Problem for what is not there."""
        name = request.path_params.get("page", "") or INDEX
        if is_route(name):
            name = INDEX
        file = self._files.get(name)
        if file is None:
            if name == INDEX:
                raise Problem("unknown", "the web app is not built: `make web` builds it")
            raise Problem("unknown")
        if file.headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=file.headers)
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, headers=file.headers | {"content-encoding": "gzip"})
        return Response(file.body, headers=file.headers)
