"""What a service answers, in the form that the client asks for."""

import json

from slidemill.serving.served_model import Scored
from slidemill.training.description import ModelDescription


def as_json(scored: Scored, description: ModelDescription) -> bytes:
    """The answer as JSON."""
    answer: dict[str, object] = {"classes": description.classes}
    if scored.scores is not None:
        answer["scores"] = scored.scores.tolist()
    return json.dumps(answer).encode()


def refusal_as_json(sentence: str) -> bytes:
    """What a client reads that is not served."""
    return json.dumps({"error": sentence}).encode()
