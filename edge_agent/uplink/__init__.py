"""Ways to a receiver: bytes out, answers in."""
