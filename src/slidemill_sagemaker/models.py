"""A trained model in S3 and in SageMaker's list of models, once for each content."""

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from slidemill.serving.options import ServingOptions
from slidemill_sagemaker.archive import BESIDE, ModelFiles, find_model_files, write_archive
from slidemill_sagemaker.errors import DeploymentError
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.requests import model_request
from slidemill_sagemaker.service import Service
from snakemake_executor_plugin_sagemaker.s3 import S3Uri

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model file.

    Attributes:
        path: model.keras on this machine.
        address: where it lies in S3, if it does; what belongs to it lies beside.
        options: how slides are cut and scored.
    """

    path: Path
    address: S3Uri | None
    options: ServingOptions = ServingOptions()


def ensure_model(
    service: Service, project: Project, name: str, stored: StoredModel, environment: dict[str, str]
) -> str:
    """Make what is not there yet.

    Args:
        name: how the model's name begins.
        environment: of the container.
    Returns:
        The model's name.
    Raises:
        ModelFileError: it is no model of slidemill.
        DeploymentError: SageMaker or S3 refused something.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = find_model_files(stored.path, _beside(service, stored, Path(folder)), stored.options)
        return _ensure(service, project, name, files, environment)


def _beside(service: Service, stored: StoredModel, folder: Path) -> Path:
    """A folder on this machine that has what lies beside the model."""
    if stored.address is None:
        return stored.path.parent
    for name in BESIDE:
        uri = S3Uri(stored.address.bucket, f"{stored.address.key.rpartition('/')[0]}/{name}".lstrip("/"))
        if service.has_object(uri):
            service.s3.download_file(uri.bucket, uri.key, str(folder / name))
    return folder


def _ensure(service: Service, project: Project, name: str, files: ModelFiles, environment: dict[str, str]) -> str:
    uri = project.staging.child(f"models/{files.sha256}/model.tar.gz")
    request = model_request(name, uri, files.sha256, project, environment)
    service.check("CreateModel", **request)
    if not service.has_object(uri):
        _upload(service, files, uri)
    if service.find("DescribeModel", ModelName=request["ModelName"]) is None:
        service.call("CreateModel", **request)
        _log.info("model %s: %s", request["ModelName"], ", ".join(files.paths))
    return str(request["ModelName"])


def _upload(service: Service, files: ModelFiles, uri: S3Uri) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "model.tar.gz")
        write_archive(files, archive)
        try:
            service.s3.upload_file(str(archive), uri.bucket, uri.key)
        except (ClientError, BotoCoreError, S3UploadFailedError) as error:
            raise DeploymentError(f"{uri}: {error}") from error
