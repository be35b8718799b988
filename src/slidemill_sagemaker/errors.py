"""What keeps a model from being used on SageMaker."""

from slidemill.errors import SlidemillError


class DeploymentError(SlidemillError):
    """SageMaker refused something, or would refuse it, or something failed there; the message says what to do."""
