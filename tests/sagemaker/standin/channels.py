"""Input channels: objects of S3 that a host sees as files, as a read-only view, or as one FIFO for each pass."""

import json
import os
import random
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hosts import Host
from .storage import Storage, below, split_uri

_POLL_SECONDS = 0.02


class ChannelError(Exception):
    """Data that cannot be brought to the hosts; its text becomes the FailureReason."""


@dataclass(frozen=True)
class Source:
    """What a channel of a training or an input of a processing job reads.

    Attributes:
        name: of the channel.
        uri: a prefix, or a manifest.
        is_manifest: whether the object at `uri` lists the keys.
        sharded: whether the objects are divided among the hosts.
        shuffle_seed: the order and, where sharded, the division changes with each pass; None for never.
    """

    name: str
    uri: str
    is_manifest: bool
    sharded: bool
    shuffle_seed: int | None = None

    @classmethod
    def of_channel(cls, channel: dict[str, Any]) -> "Source":
        """From an entry of InputDataConfig."""
        seed = channel.get("ShuffleConfig", {}).get("Seed")
        return cls._of(channel["ChannelName"], channel["DataSource"]["S3DataSource"], seed)

    @classmethod
    def of_input(cls, entry: dict[str, Any]) -> "Source":
        """From an entry of ProcessingInputs."""
        return cls._of(entry["InputName"], entry["S3Input"])

    @classmethod
    def _of(cls, name: str, s3: dict[str, Any], shuffle_seed: int | None = None) -> "Source":
        is_manifest = s3["S3DataType"] == "ManifestFile"
        sharded = s3.get("S3DataDistributionType") == "ShardedByS3Key"
        return cls(name, s3["S3Uri"], is_manifest, sharded, shuffle_seed)

    def objects(self, storage: Storage) -> dict[str, tuple[str, str]]:
        """Bucket and key of each object by its path in the channel."""
        if self.is_manifest:
            bucket, key = split_uri(self.uri)
            head, *names = json.loads(b"".join(storage.read(bucket, key)))
            found = {name: split_uri(head["prefix"] + name) for name in names}
        else:
            bucket, _ = split_uri(self.uri)
            found = {below(self.uri, key): (bucket, key) for key in storage.keys(self.uri)}
        if not found:
            raise ChannelError(
                f"ClientError: Data download failed:No S3 objects found under S3 URL {self.uri!r} given in input data"
                f" source. Please ensure that the bucket exists in the selected region, that objects exist under that"
                f" S3 prefix, and that the role has 's3:ListBucket' permissions on the bucket."
            )
        return found

    def share(
        self, objects: dict[str, tuple[str, str]], *, host: int, hosts: int, attempt: int, passed: int
    ) -> list[str]:
        """The paths that one of the hosts gets, in order.

        AWS documents that each host gets its share of a sharded channel, and not which; here it differs from attempt to
        attempt, so that nothing can rely on it.
        """
        paths = sorted(objects)
        if self.sharded:
            random.Random(f"{self.name} {attempt}").shuffle(paths)
        if self.shuffle_seed is not None:
            random.Random(self.shuffle_seed + passed).shuffle(paths)
        return paths[host::hosts] if self.sharded else paths


def bring_files(storage: Storage, source: Source, folder: Path, *, host: int, hosts: int, attempt: int) -> None:
    """File mode: download a host's objects."""
    objects = source.objects(storage)
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.share(objects, host=host, hosts=hosts, attempt=attempt, passed=0):
        storage.download(*objects[path], folder / path)


@dataclass
class Pipe:
    """Pipe mode on one host: FIFOs {channel}_0, {channel}_1 and so on, each made when the one before was read.

    Attributes:
        folder: /opt/ml/input/data of the host.
    """

    storage: Storage
    source: Source
    folder: Path
    host: int
    hosts: int
    attempt: int

    def start(self, ended: threading.Event) -> None:
        """Feed the FIFOs until the job has ended."""
        objects = self.source.objects(self.storage)
        threading.Thread(target=self._feed, args=(objects, ended), daemon=True).start()

    def _feed(self, objects: dict[str, tuple[str, str]], ended: threading.Event) -> None:
        passed = 0
        while not ended.is_set():
            fifo = self.folder / f"{self.source.name}_{passed}"
            os.mkfifo(fifo)
            descriptor = self._wait_for_reader(fifo, ended)
            if descriptor is None:
                return
            paths = self.source.share(objects, host=self.host, hosts=self.hosts, attempt=self.attempt, passed=passed)
            try:
                with os.fdopen(descriptor, "wb") as pipe:
                    for path in paths:
                        pipe.writelines(self.storage.read(*objects[path]))
            except BrokenPipeError:  # the reader has had enough
                pass
            fifo.unlink()
            passed += 1

    def _wait_for_reader(self, fifo: Path, ended: threading.Event) -> int | None:
        while not ended.wait(_POLL_SECONDS):
            try:
                descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # no reader yet
                continue
            os.set_blocking(descriptor, True)
            return descriptor
        return None


@dataclass
class Checkpoints:
    """A host's folder that is kept in step with S3, both ways.

    Attributes:
        uri: where they are kept.
        folder: of one host.
    """

    storage: Storage
    uri: str
    folder: Path

    def __post_init__(self) -> None:
        self._seen: dict[Path, tuple[int, int]] = {}
        self._stored: dict[Path, tuple[int, int]] = {}

    def download(self) -> None:
        """Bring what is there, before the container starts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        uri = self.uri.rstrip("/") + "/"
        bucket, _ = split_uri(uri)
        for key in self.storage.keys(uri):
            self.storage.download(bucket, key, self.folder / below(uri, key))
        self._stored = self._stamps()

    def upload_changes(self) -> None:
        """Store what is new or has changed, and is the same as at the last look: nobody is writing it."""
        stamps = self._stamps()
        for path, stamp in stamps.items():
            if stamp == self._seen.get(path) != self._stored.get(path):
                try:
                    self.storage.upload(path, f"{self.uri.rstrip('/')}/{path.relative_to(self.folder)}")
                except FileNotFoundError:  # a temporary file
                    continue
                self._stored[path] = stamp
        self._seen = stamps

    def _stamps(self) -> dict[Path, tuple[int, int]]:
        stamps = {}
        for path in sorted(self.folder.rglob("*")):
            try:
                if path.is_file():
                    status = path.stat()
                    stamps[path] = (status.st_mtime_ns, status.st_size)
            except FileNotFoundError:
                continue
        return stamps


def bring_channels(
    storage: Storage, channels: list[dict[str, Any]], default_mode: str, hosts: list[Host], *, attempt: int, cache: Path
) -> list[Pipe]:
    """Prepare all channels of a training.

    Returns:
        the FIFO channels, to be started together with the containers.
    """
    pipes = []
    for channel in channels:
        source, mode = Source.of_channel(channel), channel.get("InputMode") or default_mode
        for number, host in enumerate(hosts):
            place = {"host": number, "hosts": len(hosts), "attempt": attempt}
            data = host.inside("/opt/ml/input/data")
            if mode == "Pipe":
                pipes.append(Pipe(storage, source, data, **place))
            elif mode == "FastFile":
                view = cache / host.name / source.name
                shutil.rmtree(view, ignore_errors=True)
                bring_files(storage, source, view, **place)
                host.read_only[f"/opt/ml/input/data/{source.name}"] = view
            else:
                bring_files(storage, source, data / source.name, **place)
    return pipes
