"""Load on the receiver: requests a second, bodies that never end, and the heartbeats of a fleet."""
