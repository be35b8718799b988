"""More instances when an endpoint has more to do, by Application Auto Scaling."""

from slidemill_sagemaker.requests import VARIANT, Kind
from slidemill_sagemaker.service import Service

_SERVICE = "application-autoscaling"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_POLICY = "slidemill"


def scale(service: Service, endpoint: str, kind: Kind, *, least: int, most: int, target: float) -> None:
    """Let the number of instances follow the load.

    Args:
        target: invocations in a minute for each instance; of an asynchronous endpoint requests that wait.
    """
    place = _place(endpoint)
    service.call("RegisterScalableTarget", of=_SERVICE, **place, MinCapacity=least, MaxCapacity=most)
    if kind == "real-time":
        metric: dict[str, object] = {
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        }
    else:
        metric = {
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                "Statistic": "Average",
            }
        }
    service.call(
        "PutScalingPolicy",
        of=_SERVICE,
        PolicyName=_POLICY,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": target, **metric},
        **place,
    )


def stop_scaling(service: Service, endpoint: str) -> None:
    """Let the number of instances stand still. SageMaker refuses to update what is scaled."""
    service.find("DeregisterScalableTarget", of=_SERVICE, **_place(endpoint))


def _place(endpoint: str) -> dict[str, str]:
    resource = f"endpoint/{endpoint}/variant/{VARIANT}"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": _DIMENSION}
