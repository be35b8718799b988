"""Objects in S3, as the service reads and writes them for a job."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


@dataclass(frozen=True)
class Storage:
    """S3 at an endpoint."""

    client: Any

    @classmethod
    def at(cls, endpoint: str, region: str) -> "Storage":
        """The S3 behind this address."""
        return cls(service_client("s3", endpoint, region))

    def keys(self, uri: str) -> list[str]:
        """The keys that begin with that of the address, in order; folders are none."""
        bucket, prefix = split_uri(uri)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return sorted(key for key in keys if not key.endswith("/"))

    def read(self, bucket: str, key: str) -> Iterator[bytes]:
        """The bytes of an object, a megabyte at a time."""
        yield from self.client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20)

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Write an object to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(self.read(bucket, key))

    def upload(self, path: Path, uri: str) -> None:
        """Store a file as the object of this address."""
        bucket, key = split_uri(uri)
        with path.open("rb") as file:
            self.client.put_object(Bucket=bucket, Key=key, Body=file)

    def upload_folder(self, folder: Path, uri: str) -> None:
        """Store the files of a folder below the address; links are left out."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                self.upload(path, f"{uri.rstrip('/')}/{path.relative_to(folder)}")


def below(uri: str, key: str) -> str:
    """The path of an object below the last folder of the address that it was found by."""
    _, prefix = split_uri(uri)
    return key[prefix.rfind("/") + 1 :]


def service_client(service: str, endpoint: str, region: str) -> Any:
    """A client of one of the services behind this address."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="stand-in",
        aws_secret_access_key="stand-in",
    )
