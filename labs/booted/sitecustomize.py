"""For the lab only, by PYTHONPATH: on SIGUSR2 the main thread, the agent's loop, never comes back; the others go on."""

import signal
import time

signal.signal(signal.SIGUSR2, lambda _number, _frame: time.sleep(1e6))
