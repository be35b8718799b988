"""What a service answers instead of a result."""


class RefusedError(Exception):
    """A request that is not served, with the sentence that its client reads.

    Attributes:
        status: HTTP status, 4xx where the client has to change something, 503 where it may come again.
        sentence: what is wrong and what to do.
        retry_after: seconds until another try makes sense; None where it makes none.
    """

    def __init__(self, status: int, sentence: str, *, retry_after: int | None = None) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.sentence
