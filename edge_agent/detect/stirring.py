"""Small movements of a standing car: footfalls and shifted weight, against this box's own quiet.

In: acceleration and roughness of frames at rest with the door shut. Out: beats of 2 s that stand out, and how much more
likely they are with people inside. State: the noise floor, the last beats, how often an empty car stands out by itself
(a neighbour lift passes, landing doors slam). Decision: a beat stands out above 1.7 times the floor. Delay: one beat; a
ratio needs 20 s. After a gap: the beats start anew with the next standstill, floor and rate stay.
"""

from __future__ import annotations

from collections import deque
from math import exp, log

BEAT_FRAMES = 40
BEAT_S = 2.0
BEATS_KEPT = 30
BEATS_MIN = 10
FLOOR_DOWN = 0.98
FLOOR_UP = 1.005
"""The floor settles where a fifth of the beats lie below it: the very quietest of many would be a chance. Source: with
steps of 2 % down and 0.5 % up the shares balance at 0.005 / 0.025 (hand calculation)."""

RESTLESS_FACTOR = 1.7

EMPTY_SHARE = 0.02
EMPTY_BEATS = 200.0
EMPTY_BEATS_KEPT = 3000.0
"""Share of beats that stand out in an empty car, taken as if 200 beats had been seen; then this lift's own. Source:
judgement, tested against two independent generators."""

PEOPLE_SHARES = (0.03, 0.12, 0.35)
"""Share of beats in which people stand out: a post, a calm person, a restless one, each as likely as the others.
Source: the one passenger of the Melbourne recording shows in about a third of all beats; the others are judgement."""

CLUMP = 0.7
"""What shakes an empty car comes in clumps, so that a second beat says less than the first. Source: judgement."""

RATIO_MAX = 300.0
RATIO_STILL = 0.25


class Stirring:
    """Fold over frames at rest; see the file's first lines."""

    def __init__(self) -> None:
        self.floor = 0.0
        self.count = 0
        """Beats of the last minute of standstill that stand out from the quietest ones."""
        self.ratio = 1.0
        """How much more likely these beats are with people inside; 1 while too few are known."""
        self._beat: list[float] = []
        self._beats: deque[float] = deque(maxlen=BEATS_KEPT)
        self._empty_beats = 0.0
        self._empty_stirs = 0.0

    def counts(self) -> tuple[float, float, float]:
        """What was learned: the floor, beats of the surely empty car, and how many of them stood out."""
        return self.floor, self._empty_beats, self._empty_stirs

    def recall(self, floor: float, empty_beats: float, empty_stirs: float) -> None:
        """Take up what an earlier run has learned; zeros: forget."""
        self.floor, self._empty_beats, self._empty_stirs = floor, empty_beats, empty_stirs

    def pause(self) -> None:
        """The car is not at rest with a shut door: the present beat is void."""
        self._beat.clear()

    def restart(self) -> None:
        """A new standstill or another shut-door period."""
        self._beat.clear()
        self._beats.clear()
        self.count, self.ratio = 0, 1.0

    def take(self, change_mps2: float, roughness_mps2: float, *, is_surely_empty: bool) -> None:
        """One frame at rest; `change_mps2`: of the mean acceleration since the frame before."""
        self._beat.append(change_mps2 * change_mps2 + 0.25 * roughness_mps2 * roughness_mps2)
        if len(self._beat) < BEAT_FRAMES:
            return
        energy = sum(self._beat) / BEAT_FRAMES
        self._beat.clear()
        if self.floor == 0.0:
            self.floor = max(energy, 1e-8)
        else:
            self.floor *= FLOOR_DOWN if energy < self.floor else FLOOR_UP
        self._beats.append(energy)
        limit = self.floor * RESTLESS_FACTOR * RESTLESS_FACTOR
        if is_surely_empty:
            self._learn(energy > limit)
        self.count = sum(1 for each in self._beats if each > limit)
        self.ratio = self._judged(self.count, len(self._beats))

    def _judged(self, stirs: int, beats: int) -> float:
        if beats < BEATS_MIN:
            return 1.0
        empty = (EMPTY_SHARE * EMPTY_BEATS + self._empty_stirs) / (EMPTY_BEATS + self._empty_beats)
        empty = min(0.5, max(EMPTY_SHARE / 2.0, empty))
        total = 0.0
        for share in PEOPLE_SHARES:
            gain = stirs * log(share / empty) + (beats - stirs) * log((1.0 - share) / (1.0 - empty))
            total += exp(min(20.0, CLUMP * gain))
        return min(RATIO_MAX, max(RATIO_STILL, total / len(PEOPLE_SHARES)))

    def _learn(self, is_stir: bool) -> None:
        if self._empty_beats >= EMPTY_BEATS_KEPT:
            self._empty_beats *= 0.5
            self._empty_stirs *= 0.5
        self._empty_beats += 1.0
        self._empty_stirs += is_stir
