"""When a stand-by receiver is called: nobody has stored an alarm in time, or nobody has taken it over in time.

In: alarms as they are committed, stored, taken over, gone. Out: whether a stand-by is needed now. Pure, time passed in.
State: the alarms that nobody has answered for, at most `WATCHED_MAX`. A stand-by that was called stays so until no such
alarm is left. Source: design/wire.md section 2.6.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.records import StoredRecord
from edge_agent.wire import Act, Notice, Phase, Stream, decode_record

UNSTORED_S = 15.0
UNTAKEN_S = 90.0
WATCHED_MAX = 64  # alarms; of more at once the oldest have long called
_S_NS = 1_000_000_000

_ANSWERS = frozenset({Act.TAKEN_OVER, Act.HELP_SENT, Act.ON_SITE, Act.CLOSED, Act.FALSE_ALARM, Act.REMOTE_RESET})


def is_answer(notice: Notice) -> bool:
    """A person has taken an alarm upon them, or says that there is none."""
    return notice.act in _ANSWERS and notice.incident.stream is Stream.ALARM


@dataclass(slots=True)
class _Watched:
    since_ns: int
    is_stored: bool = False


class Escalation:
    """See the module. standby: the receivers that are called only when needed."""

    def __init__(self, standby: Iterable[str] = ()) -> None:
        self._standby = frozenset(standby)
        self._watched: OrderedDict[int, _Watched] = OrderedDict()  # by number of the opening record
        self._is_called = False

    def appended(self, now_ns: int, stored: StoredRecord) -> None:
        """A record was committed."""
        if stored.stream is not Stream.ALARM or not self._standby:
            return
        record = decode_record(stored.body)
        match record.phase:
            case Phase.RAISED:
                self._watched[record.seqno] = _Watched(now_ns)
                if len(self._watched) > WATCHED_MAX:
                    self._watched.popitem(last=False)
            case Phase.CONDITION_GONE | Phase.ENDED:
                self._watched.pop(record.incident or record.seqno, None)
            case _:
                return

    def resumed(self, now_ns: int, seqno: int) -> None:
        """An alarm from before a restart, by its opening record."""
        if self._standby and len(self._watched) < WATCHED_MAX:
            self._watched.setdefault(seqno, _Watched(now_ns))

    def stored(self, destination: str, seqno: int) -> None:
        """A receiver has an alarm on its disk."""
        watched = self._watched.get(seqno)
        if watched is not None and destination not in self._standby:
            watched.is_stored = True

    def told(self, notice: Notice) -> None:
        """A person did something."""
        if is_answer(notice):
            self._watched.pop(notice.incident.seqno, None)

    def begin_anew(self) -> None:
        """Another log gives out its numbers anew: what was watched cannot be followed any more."""
        self._watched.clear()

    def is_held(self, destination: str, now_ns: int) -> bool:
        """This receiver is a stand-by, and not needed now."""
        if destination not in self._standby:
            return False
        if not self._watched:
            self._is_called = False
        elif not self._is_called:
            self._is_called = any(
                now_ns - watched.since_ns >= (UNTAKEN_S if watched.is_stored else UNSTORED_S) * _S_NS
                for watched in self._watched.values()
            )
        return not self._is_called
