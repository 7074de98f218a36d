"""Speed, memory and waiting times of the agent, measured on the machine at hand: `python -m benchmarks [NAME ...]`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the agent does it, before numpy is loaded
