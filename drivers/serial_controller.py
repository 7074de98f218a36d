"""A lift controller that talks by itself as a source of `ControllerReport`s: listened to on a serial line, never asked.

Device: anything with a protocol in `drivers/serial_protocols`. Bus: `drivers.serial_port`, opened for us alone.
Out: a report for each whole frame, stamped when its last byte had come.
Fault behaviour: `SerialController`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from drivers.outage import Outage
from drivers.serial_line import SerialLine
from drivers.serial_port import PortLost, SerialPort, open_serial_port
from drivers.serial_protocol import ChecksumKind, Drop, FrameCutter, SerialProtocol
from edge_agent.readings import ControllerReport, FaultReason, Reading

GARBAGE_FRAMES = 5  # as many bytes as this many frames have, and none among them: nobody here speaks the protocol


class SerialController:
    """Listens to one line. Nothing is ever sent.

    Outage: no report, and one `SourceFault`, again only when the reason changes: ABSENT the port cannot be opened,
    BUS_ERROR it went away, SILENT nothing comes for `silent_s` of the protocol, BAD_REPLY bytes come but no whole frame
    (baud rate, polarity, another protocol). A lost port is opened anew at once and then after growing waits of at most
    5 s, inside `read`. Damaged and half frames are dropped and counted; the frame after them is whole by its checksum.
    Of a protocol without one, the first frame after dropped bytes is suspect.
    """

    def __init__(
        self,
        protocol: SerialProtocol,
        line: SerialLine,
        *,
        now_ns: Callable[[], int],
        wait: Callable[[float], None] = time.sleep,
        open_port: Callable[[SerialLine], SerialPort] = open_serial_port,
        name: str = "controller",
    ) -> None:
        self._protocol, self._line, self._name = protocol, line, name
        self._now_ns, self._wait, self._open_port = now_ns, wait, open_port
        self._cutter = FrameCutter(protocol.shape, protocol.checksum)
        self._outage = Outage(name, spread_key=line.port)
        self._port: SerialPort | None = None
        self._silent_ns = round(protocol.silent_s * 1e9)
        self._garbage_bytes = GARBAGE_FRAMES * (protocol.shape.length or protocol.shape.bytes_max)
        self._since_ns = 0  # of the last frame, or of opening
        self._bytes_since_frame = 0
        self._is_silent = False

    @property
    def name(self) -> str:
        """The name used in settings and faults."""
        return self._name

    @property
    def has_ended(self) -> bool:
        """Always False: a controller is live."""
        return False

    @property
    def dropped(self) -> dict[Drop, int]:
        """What was dropped so far, by reason: bytes of noise, and frames."""
        return dict(self._cutter.dropped)

    def open(self) -> None:
        """Open the port. Raises SourceUnavailable; whether anybody talks is for `read` to find out."""
        self.close()
        self._port = self._open_port(self._line)
        self._cutter.restart()
        self._since_ns = self._now_ns()
        self._bytes_since_frame = 0
        self._is_silent = False

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Listen at most `timeout_s`; or try to bring the port back."""
        if self._port is None:
            return self._reopen(timeout_s)
        try:
            data = self._port.read(timeout_s)
        except PortLost as lost:
            self.close()
            hint = "Check the plug and the adapter; a weak supply of the box can drop it too"
            return self._outage.failed(self._now_ns(), FaultReason.BUS_ERROR, f"{lost.strerror}. {hint}")
        t_ns = self._now_ns()
        self._bytes_since_frame += len(data)
        reports = tuple(self._report(frame, t_ns, after) for frame, after in self._cutter.feed(data, t_ns))
        if reports:
            self._since_ns, self._bytes_since_frame, self._is_silent = t_ns, 0, False
            self._outage.flowing(t_ns)
            return reports
        return self._judge_silence(t_ns)

    def close(self) -> None:
        """Release the port."""
        if self._port is not None:
            self._port.close()
        self._port = None

    def _reopen(self, timeout_s: float) -> Sequence[Reading]:
        end_ns = self._now_ns() + round(timeout_s * 1e9)
        return self._outage.open_again(self.open, end_ns, self._now_ns, self._wait)

    def _report(self, frame: bytes, t_ns: int, is_after_dropped: bool) -> ControllerReport:
        is_suspect = is_after_dropped and self._protocol.checksum.kind is ChecksumKind.NONE
        return self._protocol.decode(frame, t_ns, is_suspect=is_suspect)

    def _judge_silence(self, t_ns: int) -> Sequence[Reading]:
        is_garbage = self._bytes_since_frame >= self._garbage_bytes
        if self._is_silent or not (is_garbage or t_ns - self._since_ns >= self._silent_ns):
            return ()
        self._is_silent = True  # said once; the port stays open, and the next frame ends it
        if self._bytes_since_frame == 0:
            return self._outage.failed(
                t_ns,
                FaultReason.SILENT,
                f"nothing comes on the line for {self._protocol.silent_s:g} s. "
                "Check that the controller talks on this line, and A and B of an RS-485 pair",
            )
        return self._outage.failed(
            t_ns,
            FaultReason.BAD_REPLY,
            f"{self._bytes_since_frame} bytes came, but no frame of {self._protocol.name}. "
            f"Check baud rate ({self._line.baud_rate}) and parity, swapped wires, and that this is the right protocol",
        )
