"""What a client may send. Every limit is checked before anything is decoded."""

from dataclasses import dataclass

from semsynth.errors import SemsynthError


@dataclass(frozen=True)
class Limits:
    """Sizes and counts beyond which a request is refused.

    Attributes:
        max_body: Bytes of one HTTP request.
        max_message: Bytes of one message on the painting socket.
        min_side: Pixels; the shortest side of a label map.
        max_side: Pixels; the longest side of a label map.
        max_scale: How many times larger than its map a picture may be.
        max_photo_pixels: Pixels of a photograph, or of any other picture that is read.
        max_photo_bytes: Bytes of a photograph to be edited; as text, it is a part of one HTTP request.
        max_clients: Painting sockets open at once.
        max_photos: Photographs kept for editing, the newest ones.
        max_layers: Layers of one project.
        max_projects: Projects in the folder.
    """

    max_body: int = 64 << 20
    max_message: int = 2 << 20
    min_side: int = 16
    max_side: int = 1024
    max_scale: int = 4
    max_photo_pixels: int = 40_000_000
    max_photo_bytes: int = 32 << 20
    max_clients: int = 64
    max_photos: int = 8
    max_layers: int = 16
    max_projects: int = 1000

    def check_map(self, width: int, height: int) -> None:
        """Refuse a label map of an impossible size.

        Raises:
            SemsynthError: A side is too short or too long.
        """
        if not (self.min_side <= width <= self.max_side and self.min_side <= height <= self.max_side):
            raise SemsynthError(
                f"A label map of {width}x{height} pixels cannot be painted: "
                f"each side must be {self.min_side} to {self.max_side} pixels."
            )
