"""A stand-in of SageMaker, S3 and CloudWatch Logs on this machine, which really runs each job."""

from .handle import StandIn

__all__ = ["StandIn"]
