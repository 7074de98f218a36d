"""The log: plain sentences, one a change of state, never a flood. Writes through the standard `logging`."""

from __future__ import annotations

import logging
from dataclasses import dataclass

NS_PER_S = 1_000_000_000
LOGGER = logging.getLogger("edge_agent")


@dataclass(slots=True)
class _Topic:
    said: str
    said_ns: int
    latest: str
    level: int
    left_out_count: int


class Journal:
    """Says a sentence about a topic when it differs from the last one said; quick changes wait and are counted.

    Topics are few and fixed: a source, a receiver, the outbox. What comes last is always said in the end, by `settle`.
    """

    def __init__(self, logger: logging.Logger = LOGGER, quiet_s: float = 5.0) -> None:
        self._logger = logger
        self._quiet_ns = int(quiet_s * NS_PER_S)
        self._topics: dict[str, _Topic] = {}

    def tell(self, level: int, sentence: str) -> None:
        """Say it. For what happens seldom by its nature: alarms, trips, people."""
        self._logger.log(level, sentence)

    def change(self, now_ns: int, level: int, topic: str, sentence: str) -> None:
        """The state of a topic is now this: say it at once, or after `quiet_s` where it has just been spoken of."""
        known = self._topics.get(topic)
        if known is None:
            self._topics[topic] = _Topic(sentence, now_ns, sentence, level, 0)
            self._logger.log(level, sentence)
            return
        if sentence == known.latest:
            return
        if now_ns - known.said_ns < self._quiet_ns and known.latest != known.said:
            known.left_out_count += 1
        known.latest, known.level = sentence, level
        self._settle(known, now_ns)

    def settle(self, now_ns: int) -> None:
        """Say what has waited long enough."""
        for topic in self._topics.values():
            self._settle(topic, now_ns)

    def _settle(self, topic: _Topic, now_ns: int) -> None:
        if now_ns - topic.said_ns < self._quiet_ns:
            return
        if topic.latest != topic.said:
            left_out = f" ({topic.left_out_count} changes before it were left out)" if topic.left_out_count else ""
            self._logger.log(topic.level, "%s%s", topic.latest, left_out)
            topic.said, topic.said_ns = topic.latest, now_ns
        topic.left_out_count = 0
