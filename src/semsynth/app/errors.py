"""Errors with a code, so that a program can tell them apart."""

from semsynth.errors import SemsynthError

PHOTO_LOST = "photo-lost"
"""The photograph that is edited is not kept any more; the client hands it in again."""
NAME_TAKEN = "name-taken"
"""A project of this name exists, and the request did not say to replace it."""
IS_PICTURE = "looks-like-a-picture"
"""What was sent for a label map is a photograph or a painted picture; the client asks what is meant."""
NOT_STORED = "not-stored"
"""The disk is full, or the folder of projects cannot be used."""


class ApiError(SemsynthError):
    """An error with a code, which stays the same when its sentence is reworded.

    Args:
        sentence: For the user.
        code: One of the words above.
        status: Of HTTP.
    """

    def __init__(self, sentence: str, code: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status
