"""Objects of S3 that are read before the workflow knows its jobs."""

from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from slidemill.atomic import atomic_path
from slidemill_sagemaker.errors import DeploymentError
from snakemake_executor_plugin_sagemaker.s3 import S3Uri
from snakemake_executor_plugin_sagemaker.service import RETRIES


def fetch_object(address: str, folder: Path) -> Path:
    """A copy of an object, fetched only if it has changed since the last one was.

    Args:
        address: s3://bucket/key.
        folder: of such copies.
    Raises:
        DeploymentError: it is not there, or cannot be read.
    """
    uri = S3Uri.parse(address)
    client = boto3.client("s3", config=RETRIES)
    try:
        etag = client.head_object(Bucket=uri.bucket, Key=uri.key)["ETag"].strip('"')
        copy = folder / f"{etag}-{Path(uri.key).name}"
        if not copy.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(copy) as path:
                client.download_file(uri.bucket, uri.key, str(path))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            raise DeploymentError(
                f"{address}: there is no such object. Put it there (aws s3 cp FILE {address}), or correct its name."
            ) from None
        raise DeploymentError(f"{address}: {error}") from error
    except BotoCoreError as error:
        raise DeploymentError(f"{address}: {error}") from error
    return copy
