"""The agent beside other programs that carry a controller's values to a broker: `python -m benchmarks.peers`."""
