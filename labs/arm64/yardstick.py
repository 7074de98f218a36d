"""Inside the foreign root, counted: a round of arithmetic whose time on real boards others have published.

Instructions of a round over published seconds give the instructions that a core gets through while Python runs in a
small loop. Source: github.com/alexdedyura/cpu-benchmark, as of 2024: 10,000 rounds take 245 s on a Pi 3B+ with Python
3.11.2 (its issue 20) and 79.2 s on a Pi 4 with Ubuntu 22.04 (its table). As there, it is not in a function.
"""

import sys

from core import mark

ROUNDS = 20
for turn in range(ROUNDS + 1):
    if turn == 1:
        mark(30)  # the first round only warms up
    for x in range(1, 1000):
        3.141592 * 2**x
    for x in range(1, 10000):
        float(x) / 3.141592
    for x in range(1, 10000):
        float(3.141592) / x  # noqa: UP018 - the call is part of it
mark(31)
print("seconds 30", float(ROUNDS), file=sys.stdout)
