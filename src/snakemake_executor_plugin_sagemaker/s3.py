"""S3 locations, and the few small objects that the plugin keeps there."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

_MISSING = {"NoSuchKey", "404", "NotFound"}


@dataclass(frozen=True, slots=True)
class S3Uri:
    """`s3://bucket/key`; the key may be empty."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> "S3Uri":
        """Read `s3://bucket/key`.

        Raises:
            ValueError: the text is something else.
        """
        scheme, _, rest = text.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket or bucket.split() != [bucket]:
            raise ValueError(f"'{text}' is no S3 location: expected s3://BUCKET/PREFIX.")
        return cls(bucket, key)

    def child(self, name: str) -> "S3Uri":
        """The location `name` below this one."""
        return S3Uri(self.bucket, f"{self.key.rstrip('/')}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def write_text(s3: Any, uri: S3Uri, text: str) -> None:
    """Store a text. The bucket says how it is encrypted."""
    s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=text.encode())


def read_text(s3: Any, uri: S3Uri) -> str | None:
    """Read a text; None if there is no such object."""
    try:
        return s3.get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read().decode()
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise
