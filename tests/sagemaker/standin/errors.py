"""What the stand-in answers to a call that it refuses."""


class ServiceError(Exception):
    """An error that the service answers.

    Attributes:
        code: such as ValidationException.
        status: of HTTP.
        facts: what stands in the answer besides the message.
    """

    def __init__(self, code: str, message: str, status: int = 400, **facts: object) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.facts = facts
