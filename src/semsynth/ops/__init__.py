"""Pure tensor functions and small layers; they know of nothing else here."""
