"""Where SageMaker puts things in a container, which differs between training and processing jobs.

Source: Amazon SageMaker developer guide, "How Amazon SageMaker Provides Training Information" and "How Amazon SageMaker
Processing Configures Input and Output for Your Processing Container".
"""

import json
from dataclasses import dataclass
from pathlib import Path

MAX_REASON = 1024
CHANNELS = Path("/opt/ml/input/data")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where SageMaker puts things in this container.

    Attributes:
        work: working folder of the job, on the large volume and at the same place on all hosts.
        reason: the file whose first 1024 characters SageMaker shows as the reason of a failure.
    """

    config: Path
    work: Path
    reason: Path


TRAINING = Layout(
    config=Path("/opt/ml/input/config/resourceconfig.json"),
    work=Path("/opt/ml/snakemake"),
    reason=Path("/opt/ml/output/failure"),
)
PROCESSING = Layout(
    config=Path("/opt/ml/config/resourceconfig.json"),
    work=Path("/opt/ml/processing/snakemake"),
    reason=Path("/opt/ml/output/message"),
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of the job.

    Attributes:
        names: sorted; the first runs Snakemake.
        interface: network interface through which they reach each other.
    """

    current: str
    names: tuple[str, ...]
    interface: str

    @property
    def leader(self) -> str:
        """The host that runs Snakemake."""
        return self.names[0]

    @property
    def others(self) -> tuple[str, ...]:
        """The hosts that serve."""
        return self.names[1:]


def find_layout() -> Layout:
    """Layout of this container."""
    return TRAINING if TRAINING.config.exists() else PROCESSING


def read_hosts(config: Path) -> Hosts:
    """Read resourceconfig.json. Variables like SM_CURRENT_HOST are no source: MPI ranks may have the first host's."""
    values = json.loads(config.read_text())
    names = sorted(values["hosts"], key=lambda name: (len(name), name))  # algo-2 before algo-10
    return Hosts(values["current_host"], tuple(names), values.get("network_interface_name", "eth0"))
