"""When a lane tries again. Source: design/wire.md sections 2.2, 2.6 and 3.1, unless marked as ours."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.delivery_steps import Lane

ALARM_DELAY_S = 15.0  # after the first attempts, spread by half, for ever
REST_DELAY_S_MAX = 300.0  # 1 s doubling, spread by half
_S_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LanePace:
    """How a lane behaves."""

    bytes_max: int  # of the records in one request
    first_delays_s: tuple[float, ...]
    slow_s: float  # refused altogether: try rarely. Ours
    asked_s_max: float  # the longest wait that a receiver may ask for; ours for the rest
    start_spread_s: float  # before the first request, so that a district does not come back all at once


PACES = {
    Lane.ALARMS: LanePace(16_000, (1.0, 1.0, 2.0, 4.0), 60.0, 15.0, 0.0),  # attempts at 0, 1, 2, 4, 8 s
    Lane.REST: LanePace(2_000, (), 300.0, 3_600.0, 30.0),
}


def spread(seed: int, step: int) -> float:
    """A number in 0.5..1.5 that differs between boxes and attempts, the same for the same arguments.

    Source: the mixing constants are those of SplitMix64 (Steele, Lea, Flood 2014), from memory, unverified; any
    even spread would do.
    """
    mask = (1 << 64) - 1
    x = (seed + step * 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return 0.5 + ((x ^ (x >> 31)) >> 11) / (1 << 53)


class Pacing:
    """The retry schedule of one lane. State: attempts without progress, and the earliest next one."""

    def __init__(self, lane: Lane, seed: int) -> None:
        self.pace = PACES[lane]
        self._lane = lane
        self._seed = seed
        self._draws = 0
        self._is_asked_to_wait = False
        self.attempts = 0
        self.next_ns = 0

    def begin(self, now_ns: int, start_spread_s: float) -> None:
        """The first request may go out somewhere within the spread."""
        self._wait(now_ns, (self._spread() - 0.5) * start_spread_s)

    def restart(self, now_ns: int) -> None:
        """There is reason to try at once."""
        self.attempts = 0
        self.next_ns = now_ns
        self._is_asked_to_wait = False

    def hurry(self, now_ns: int) -> None:
        """Something new and urgent is to be sent: try at once, unless the receiver asked to wait."""
        if not self._is_asked_to_wait:
            self.attempts = 0
            self.next_ns = min(self.next_ns, now_ns)

    def missed(self, now_ns: int) -> None:
        """No progress: wait as the schedule says."""
        first = self.pace.first_delays_s
        if self.attempts < len(first):
            delay_s = first[self.attempts]
        elif self._lane is Lane.ALARMS:
            delay_s = ALARM_DELAY_S * self._spread()
        else:
            delay_s = min(REST_DELAY_S_MAX, 2.0 ** min(self.attempts, 16)) * self._spread()
        self.attempts += 1
        self._wait(now_ns, delay_s)

    def hold_off(self, now_ns: int) -> None:
        """Waiting alone will not cure it: try rarely."""
        self.attempts += 1
        self._wait(now_ns, self.pace.slow_s * self._spread())

    def asked_to_wait(self, now_ns: int, delay_s: float) -> None:
        """The receiver named the time, after a request that made no progress."""
        self._wait(now_ns, min(delay_s, self.pace.asked_s_max))
        self._is_asked_to_wait = True

    def _wait(self, now_ns: int, delay_s: float) -> None:
        self.next_ns = now_ns + round(delay_s * _S_NS)
        self._is_asked_to_wait = False

    def _spread(self) -> float:
        self._draws += 1
        return spread(self._seed, self._draws)
