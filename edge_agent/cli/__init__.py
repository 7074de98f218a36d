"""The commands: one file each, loaded when it is called, so that help and mistakes are answered at once.

Every command file has `add_parser(commands)`, which describes its arguments, and `run(args)`, which returns the exit
code: 0 done, 1 something was found, 2 the input cannot be used, 3 the machine does not let it (disk, device).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "run": "watch the lift until told to stop",
        "check-config": "say what is wrong with a settings file",
        "status": "say what the running agent sees, has and sends",
        "doctor": "look at everything the box needs and say what to do",
        "support-bundle": "write one file for a support person, without secrets",
        "calibrate": "guide an installer through the calibration of this lift, step by step",
        "page": "switch the installer's page on for half an hour",
        "baselines": "show, export or forget what the box has learned of its lift",
        "join": "make a receiver and this box known to each other, by the text of a QR code",
        "update": "put a signed package in place, and go back where the box is not well with it",
        "wipe": "remove keys, enrolment, records and recordings of this box",
        "end-alarm": "end an incident at the lift, when everybody is out",
        "report": "write or check the commissioning report, or how a trip rode",
        "visit": "begin or finish a maintenance visit at the lift",
        "maps": "list and explain the register maps of lift controllers",
        "outbox": "list, show, verify or export the records that wait and those that are kept",
        "alarms": "print the alarm catalogue or the detection limits",
        "replay": "run the detection core over a recording",
        "record": "record the sensors of this lift",
        "convert": "turn one form of a recording into the other",
    }
)


def module_of(command: str) -> str:
    """The file of a command."""
    return "edge_agent.cli." + command.replace("-", "_")
