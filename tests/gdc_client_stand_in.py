"""Plays gdc-client 2.3 for the tests: `download` with the options that slidemill gives it, and its habits with them.

a manager and worker processes, which outlive a parent that is killed, and talk over sockets in TMPDIR
the partial file in full length from the start; what is there noted in a pickle, each --save-interval bytes
a file under 1 MiB comes in a tar
each segment is tried six times at once, whatever the answer, and no Retry-After is kept to
without a Content-MD5 the whole file counts as wrong, and trying again dies of a division by zero
exit code 0, also with --retry-amount 0 and nothing fetched; 2 after failures; 1 without a server
"""

import argparse
import hashlib
import io
import json
import math
import multiprocessing
import os
import pickle
import sys
import tarfile
import time
import urllib.request
from email.message import Message
from pathlib import Path

CHUNK = 1 << 20
ONE_PROCESS_BELOW = 0.01 * (1 << 30)
TIMEOUT_S = 3600  # tests have their own


def md5_of(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class FailedError(Exception):
    """What it prints of a file, and then forgets."""


class Client:
    def __init__(self, told):
        self.told = told
        self.server = told.server.rstrip("/")
        self.headers = {}
        if told.token_file:
            if told.token_file.stat().st_mode & 0o077:
                raise SystemExit("Your token file must be readable by you alone")
            self.headers["X-Auth-Token"] = told.token_file.read_text().strip()

    def post(self, path, body):
        request = urllib.request.Request(f"{self.server}{path}", json.dumps(body).encode(), self.headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.read()

    def get(self, file_id, **headers):
        request = urllib.request.Request(f"{self.server}/data/{file_id}", headers=self.headers | headers)
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT_S)
        except OSError as error:
            raise FailedError(
                f"Unable to connect to API: ({error}). Is this url correct: '{request.full_url}'?"
            ) from None

    def download(self, file_id):
        """Returns the exit code."""
        self.post("/files/versions", {"ids": [file_id]})
        filters = {"op": "and", "content": [{"op": "in", "content": {"field": "files.file_id", "value": [file_id]}}]}
        try:
            hits = json.loads(self.post("/v0/files", {"filters": json.dumps(filters), "size": 1}))["data"]["hits"]
        except (OSError, ValueError):
            hits = []
        if hits and hits[0]["file_size"] <= CHUNK:
            return 0 if self.small(file_id, hits[0]["md5sum"]) or not self.told.retry_amount else 2
        for tries in range(1 + self.told.retry_amount):
            time.sleep(self.told.wait_time if tries else 0)
            try:
                Download(self, file_id).run()
            except (FailedError, ArithmeticError, OSError) as error:
                print(f"ERROR: {file_id}: {error}", file=sys.stderr)
            else:
                return 0
        return 2 if self.told.retry_amount else 0

    def small(self, file_id, md5):
        with tarfile.open(fileobj=io.BytesIO(self.post("/data?tarfile", {"ids": [file_id]}))) as tar:
            (member,) = tar.getmembers()
            tar.extractall(self.told.dir, filter="data")
        return md5_of((self.told.dir / member.name).read_bytes()) == md5


class Download:
    """One file over 1 MiB."""

    def __init__(self, client, file_id):
        self.client, self.file_id = client, file_id
        with client.get(file_id) as answer:
            header = Message()
            header["Content-Disposition"] = answer.headers["Content-Disposition"]
            self.size, self.md5 = int(answer.headers["Content-Length"]), answer.headers.get("Content-MD5", "")
        self.path = client.told.dir / file_id / header.get_filename()
        self.partial = self.path.with_name(f"{self.path.name}.partial")
        self.state = self.path.parent / "logs" / f"{self.path.name}.parcel"
        self.completed = []  # first byte, first byte after it, MD5

    def run(self):
        if self.path.exists() and self.is_right(self.path):
            return
        missing = self.missing_by_the_state() if self.state.exists() and self.partial.exists() else None
        if missing is None:
            missing, self.completed = [(0, self.size)], []
            self.state.parent.mkdir(parents=True, exist_ok=True)
            if not self.partial.exists() or self.partial.stat().st_size != self.size:
                with self.partial.open("wb") as file:
                    file.truncate(self.size)
        self.fetch(missing)
        if not self.md5:
            raise FailedError("Cannot validate this file since the server did not provide an md5sum.")
        if not self.is_right(self.partial):
            raise FailedError("File checksum is invalid")
        self.partial.rename(self.path)

    def is_right(self, path):
        return path.stat().st_size == self.size and md5_of(path.read_bytes()) == self.md5

    def missing_by_the_state(self):
        content = self.partial.read_bytes()
        noted = pickle.loads(self.state.read_bytes())
        self.completed = [part for part in noted if md5_of(content[part[0] : part[1]]) == part[2]]
        starts = [0, *(end for _, end, _ in sorted(self.completed))]
        ends = [*(first for first, _, _ in sorted(self.completed)), self.size]
        return [(first, end) for first, end in zip(starts, ends, strict=True) if first < end]

    def fetch(self, missing):
        processes = 1 if self.size < ONE_PROCESS_BELOW else self.client.told.n_processes
        work = sum(end - first for first, end in missing)
        block = work // processes
        math.ceil(work / block)  # ZeroDivisionError: nothing is missing
        manager = multiprocessing.Manager()
        todo, done = manager.Queue(), manager.Queue()
        segments = [(start, min(end, start + block)) for first, end in missing for start in range(first, end, block)]
        for segment in segments:
            todo.put(segment)
        workers = [multiprocessing.Process(target=self.work, args=(todo, done)) for _ in range(processes)]
        for worker in workers:
            worker.start()
        unsaved, ended = 0, 0
        while ended < len(segments):
            if (part := done.get()) is None:
                ended += 1
            else:
                self.completed.append(part)
                unsaved += part[1] - part[0]
            if unsaved >= self.client.told.save_interval or ended == len(segments):
                self.save()
                unsaved = 0
        for _ in workers:
            todo.put(None)
        for worker in workers:
            worker.join()

    def save(self):
        temporary = self.state.with_name(f".parcel_{os.getpid()}")
        temporary.write_bytes(pickle.dumps(self.completed))
        temporary.rename(self.state)

    def work(self, todo, done):
        while (segment := todo.get()) is not None:
            for _ in range(6):
                try:
                    segment = self.segment(*segment, done)
                except (OSError, FailedError) as error:
                    print(f"Unable to download part of file: {error}", file=sys.stderr)
                    segment = (self.reached, segment[1])
                if segment[0] == segment[1]:
                    break
            done.put(None)

    def segment(self, first, end, done):
        self.reached = first
        with self.client.get(self.file_id, Range=f"bytes={first}-{end - 1}") as answer:
            while self.reached < end and (chunk := answer.read(CHUNK)):
                with self.partial.open("r+b") as file:
                    file.seek(self.reached)
                    file.write(chunk)
                done.put((self.reached, self.reached + len(chunk), md5_of(chunk)))
                self.reached += len(chunk)
        return self.reached, end


def main():
    multiprocessing.set_start_method("fork")
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["download"])
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--n-processes", type=int, default=8)
    parser.add_argument("--save-interval", type=int, default=1 << 30)
    parser.add_argument("--retry-amount", type=int, default=1)
    parser.add_argument("--wait-time", type=float, default=5.0)
    parser.add_argument("--no-related-files", action="store_true")
    parser.add_argument("--no-annotations", action="store_true")
    parser.add_argument("file_id")
    told = parser.parse_args()
    if not told.dir.is_dir():
        raise SystemExit(f"Unable to write to download to directory '{told.dir}'")
    try:
        sys.exit(Client(told).download(told.file_id))
    except Exception as error:
        print(f"An unexpected error has occurred: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
