"""A GDC on this machine, with faults: enough of its API for the built-in client and for gdc-client.

    python tests/local_gdc.py FOLDER

serves the files of a folder and prints its address and the UUID of each; benchmarks/download.py uses it so. Tests start
it in their own process, make it fail, and read what it was asked.
"""

import functools
import hashlib
import io
import json
import re
import sys
import tarfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

# What a data request can suffer. Each answer takes the next fault of the list, if there is one.
FAULTS = (
    "truncate",  # the connection ends after half the body
    "corrupt",  # a byte of the body is wrong
    "error 500",
    "error 503",
    "busy",  # 429 with Retry-After
    "stall",  # silence after half the body, until the server is closed
    "drop",  # the connection ends without an answer
    "length too long",  # Content-Length promises more than there is
    "length too short",  # Content-Length promises less, and less is sent
    "ignore range",  # 200 and the whole file, whatever was asked for
    "wrong range",  # 206 with other bytes than those that were asked for
)


@functools.cache
def _md5_of(path: Path, _changed: int) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class ServedFile:
    """A file, and what the API says of it."""

    path: Path
    file_id: str
    project: str = "TCGA-LUAD"
    strategy: str = "Tissue Slide"
    tissue_type: str = "Tumor"
    access: str = "open"
    filename: str = ""

    @property
    def name(self) -> str:
        return self.filename or self.path.name

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def md5(self) -> str:
        return _md5_of(self.path, self.path.stat().st_mtime_ns)

    def hit(self) -> dict[str, object]:
        """As the API's /files tells of it."""
        return {
            "id": self.file_id,
            "file_id": self.file_id,
            "file_name": self.name,
            "md5sum": self.md5,
            "file_size": self.size,
            "state": "released",
            "access": self.access,
            "data_format": "SVS",
            "data_type": "Slide Image",
            "experimental_strategy": self.strategy,
            "cases": [
                {
                    "submitter_id": self.name[:12],
                    "project": {"project_id": self.project},
                    "samples": [{"submitter_id": self.name[:16], "tissue_type": self.tissue_type}],
                }
            ],
        }


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    range: str | None
    token: str | None
    body: dict[str, object] = field(default_factory=dict)

    @property
    def first_byte(self) -> int:
        """Where the bytes begin that were asked for."""
        return int(re.match(r"bytes=(\d+)-", self.range)[1]) if self.range else 0


class LocalGdc:
    """The server, running between `with` and its end."""

    def __init__(self, files: Iterable[ServedFile] = (), *, token: str | None = None) -> None:
        self.files = {file.file_id: file for file in files}
        self.token = token  # which controlled files need
        self.faults: deque[str] = deque()  # of data requests
        self.api_faults: deque[str] = deque()  # of questions: "error 500", "busy", "truncate", "drop", "no json"
        self.always: str | None = None  # a fault of every data request
        self.broken: set[str] = set()  # file_ids of which every answer is corrupt
        self.status = "OK"
        self.retry_after = "0"
        self.content_md5 = True  # whether answers name the MD5 of the whole file, without which gdc-client fails
        self.before_bytes: Callable[[], object] = lambda: None  # called before the bytes of an answer are sent
        self.requests: list[Request] = []
        self.closing = threading.Event()

    def __enter__(self) -> "LocalGdc":
        gdc = self

        class Handler(_Handler):
            pass

        Handler.gdc = gdc
        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def data_requests(self) -> list[Request]:
        """The requests for bytes of files, in order."""
        return [request for request in self.requests if request.path.startswith("/data/")]

    def next_fault(self) -> str | None:
        """The fault of the data request that is being answered."""
        try:
            return self.faults.popleft()
        except IndexError:
            return self.always


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address) -> None:
        """Clients that go away are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gdc: LocalGdc

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self._note({})
        if path == "/status":
            self._json({"status": self.gdc.status, "version": 1})
        elif path == "/files":
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            self._question(lambda: self._files(query))
        elif match := re.fullmatch(r"/data/([^/]+)", path):
            self._data(match[1])
        else:
            self._json({"message": "not found"}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self._note(body)
        if path in ("/files", "/legacy/files"):
            self._question(lambda: self._files(body))
        elif path == "/files/versions":
            self._json([{"id": file_id, "latest_id": file_id} for file_id in body["ids"]])
        elif path == "/data":
            self._tar(body["ids"])
        else:
            self._json({"message": "not found"}, 404)

    def _note(self, body: dict[str, object]) -> str:
        path = re.sub(r"^/+(v0/+)?", "/", urlsplit(self.path).path)
        request = Request(self.command, path, self.headers.get("Range"), self.headers.get("X-Auth-Token"), body)
        self.gdc.requests.append(request)
        return path

    def _json(self, content: object, code: int = 200, **headers: str) -> None:
        self._send(code, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})

    def _send(self, code: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _break(self) -> None:
        self.close_connection = True

    def _question(self, answer) -> None:
        fault = self.gdc.api_faults.popleft() if self.gdc.api_faults else None
        if fault is None:
            answer()
        elif fault == "drop":
            self._break()
        elif fault == "truncate":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"data": ')
            self._break()
        elif fault == "no json":
            self._send(200, b"<html>Sorry</html>", {})
        else:
            self._trouble(fault)

    def _trouble(self, fault: str) -> None:
        if fault == "busy":
            self._json({"message": "slow down"}, 429, **{"Retry-After": self.gdc.retry_after})
        else:
            self._json({"message": "sorry"}, int(fault.removeprefix("error ")))

    def _files(self, question: dict[str, object]) -> None:
        filters = question.get("filters")
        filters = json.loads(filters) if isinstance(filters, str) else filters
        hits = [file.hit() for _, file in sorted(self.gdc.files.items())]
        hits = [hit for hit in hits if filters is None or _matches(hit, filters)]
        first, size = int(question.get("from", 0)), int(question.get("size", 10))
        pagination = {"count": len(hits[first : first + size]), "total": len(hits), "from": first, "size": size}
        self._json({"data": {"hits": hits[first : first + size], "pagination": pagination}, "warnings": {}})

    def _data(self, file_id: str) -> None:
        fault = "corrupt" if file_id in self.gdc.broken else self.gdc.next_fault()
        file = self.gdc.files.get(file_id)
        if fault == "drop":
            self._break()
        elif fault == "busy" or (fault and fault.startswith("error")):
            self._trouble(fault)
        elif file is None:
            self._json({"message": "not found"}, 404)
        elif file.access != "open" and self.headers.get("X-Auth-Token") != self.gdc.token:
            self._json({"message": "no access"}, 403)
        else:
            self._bytes(file, fault)

    def _bytes(self, file: ServedFile, fault: str | None) -> None:
        size = file.size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        partial = asked is not None and fault != "ignore range"
        first, last = (int(asked[1]), int(asked[2] or size - 1)) if partial else (0, size - 1)
        if fault == "wrong range" and partial:
            first = max(0, first - 1)
        length = last - first + 1
        stated = length + {"length too long": 1000, "length too short": -(length // 2)}.get(fault or "", 0)
        self.send_response(206 if partial else 200)
        self.send_header("Content-Length", str(stated))
        self.send_header("Content-Disposition", f"attachment; filename={file.name}")
        self.send_header("Accept-Ranges", "bytes")
        if self.gdc.content_md5:
            self.send_header("Content-MD5", file.md5)
        if partial:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        self.gdc.before_bytes()
        half = -(-length // 2)  # upwards, so that each try gets something
        sent = {"truncate": half, "stall": half}.get(fault or "", min(length, stated))
        with file.path.open("rb") as content:
            if fault == "corrupt":
                content.seek(first)
                body = bytearray(content.read(sent))
                body[sent // 2] ^= 0xFF
                self.wfile.write(body)
            else:
                self.wfile.flush()
                self.connection.sendfile(content, first, sent)
        if fault == "stall":
            self.gdc.closing.wait()
        if fault in ("truncate", "stall", "length too long"):
            self._break()

    def _tar(self, file_ids: list[str]) -> None:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            for file_id in file_ids:
                tar.add(self.gdc.files[file_id].path, arcname=f"{file_id}/{self.gdc.files[file_id].name}")
        headers = {"Content-Type": "application/x-tar", "Content-Disposition": "attachment; filename=gdc.tar"}
        self._send(200, content.getvalue(), headers)


def _matches(hit: dict[str, object], filters: dict[str, object]) -> bool:
    operation, content = filters["op"], filters["content"]
    if operation == "and":
        return all(_matches(hit, part) for part in content)
    wanted = content["value"]
    found = set(_values(hit, content["field"].removeprefix("files.").split(".")))
    assert operation in ("in", "="), operation
    return bool(found & set(wanted if isinstance(wanted, list) else [wanted]))


def _values(value: object, names: list[str]) -> Iterable[object]:
    if isinstance(value, list):
        for part in value:
            yield from _values(part, names)
    elif not names:
        yield value
    elif names[0] in value:
        yield from _values(value[names[0]], names[1:])


def uuid_of(name: str) -> str:
    """A UUID that is always the same for a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def main() -> None:
    """Serve a folder until the process is ended."""
    files = [ServedFile(path, uuid_of(path.name)) for path in sorted(Path(sys.argv[1]).iterdir())]
    with LocalGdc(files) as gdc:
        print(json.dumps({"url": gdc.url, "files": {file.name: file.file_id for file in files}}), flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
