"""Start the stand-in by hand: `python -m tests.sagemaker.standin`, or `make sagemaker-local`."""

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from .application import Application
from .hosts import Network, why_impossible
from .job import Platform
from .service import JobService
from .storage import Storage, service_client

REGION = "us-east-1"


class _QuietHandler(MotoRequestHandler):
    def log_request(self, *arguments: object, **more: object) -> None:
        """Requests are not told."""


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    arguments = _arguments()
    problem = why_impossible()
    if problem:
        sys.exit(f"the stand-in cannot run here: {problem}")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _served(arguments) as environment:
        _tell(environment, as_json=arguments.json)
        stop.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sagemaker.standin", description=__doc__)
    parser.add_argument("--folder", type=Path, help="For the files of hosts, kept afterwards; else a temporary one.")
    parser.add_argument("--bucket", default="slidemill-local", help="A bucket that is made.")
    parser.add_argument("--grace-seconds", type=float, default=120.0, help="Between SIGTERM and SIGKILL.")
    parser.add_argument("--json", action="store_true", help="Tell the variables to set as JSON.")
    return parser.parse_args()


@contextlib.contextmanager
def _served(arguments: argparse.Namespace) -> Iterator[dict[str, str]]:
    """All services at an address of this machine, and the variables that lead boto3 there."""
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="sagemaker-local-"))
    with Network(f"sm{os.getpid()}") as network:
        moto = DomainDispatcherApplication(create_backend_app)
        server = _server(network.address, moto)
        endpoint = f"http://{network.address}:{server.port}"
        logs = service_client("logs", endpoint, REGION)
        storage = Storage.at(endpoint, REGION)
        platform = Platform(endpoint, REGION, network, folder.resolve(), arguments.grace_seconds, storage, logs)
        jobs = JobService(platform)
        server.app = Application(jobs, moto)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        storage.client.create_bucket(Bucket=arguments.bucket)
        try:
            yield platform.environment()
        finally:
            jobs.end_all()
            server.shutdown()
    if arguments.folder is None:
        shutil.rmtree(folder)


def _server(address: str, application: DomainDispatcherApplication) -> BaseWSGIServer:
    return make_server(address, 0, application, threaded=True, request_handler=_QuietHandler)


def _tell(environment: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(environment), flush=True)
        return
    exports = "\n".join(f"    export {name}={value}" for name, value in environment.items())
    print(f"SageMaker, S3 and CloudWatch Logs, on this machine. In another terminal:\n\n{exports}\n", flush=True)


if __name__ == "__main__":
    main()
