"""Manual page and shell completion, made from the commands themselves so that they cannot say anything else."""

from __future__ import annotations

import argparse
import importlib
import os
import re

from edge_agent.cli import SUMMARIES, module_of

os.environ["COLUMNS"] = "80"  # argparse asks the terminal of whoever builds


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    commands = argparse.ArgumentParser(prog="edge-agent").add_subparsers()
    found: dict[str, argparse.ArgumentParser] = {}
    for name in SUMMARIES:
        importlib.import_module(module_of(name)).add_parser(commands)
        found[name] = commands.choices[name]
    return found


def manual(version: str) -> str:
    """edge-agent(1)."""
    lines = [
        f'.TH EDGE-AGENT 1 "" "lift-edge-agent {version}" "Lift edge agent"',
        ".SH NAME",
        r"edge-agent \- watches one lift and makes sure somebody hears",
        ".SH SYNOPSIS",
        r".B edge-agent",
        r"\fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        "Reads the lift controller, an accelerometer and door contacts, detects entrapment, abnormal acceleration and",
        "door faults, and delivers alarms until the receiver says that they are stored. It only observes. It is no",
        "safety device and does not replace the emergency telephone of the lift.",
        ".SH COMMANDS",
    ]
    for name, parser in parsers().items():
        lines += [f".SS {name}", ".nf", *(_quoted(line) for line in parser.format_help().splitlines()), ".fi"]
    lines += [
        ".SH FILES",
        ".TP",
        r"\fI/etc/lift-edge-agent/config.toml\fR",
        r"Settings; an example is in \fI/usr/share/doc/lift-edge-agent/example.toml\fR.",
        ".TP",
        r"\fI/var/lib/lift-edge-agent\fR",
        "All that the agent writes: outbox, key, recordings, what it has learned.",
        ".SH EXIT STATUS",
        "0 done; 1 the answer is no; 2 bad input; 3 the machine is unable, try again; 70 a mistake in the program.",
    ]
    return "\n".join(lines) + "\n"


def completion() -> str:
    """For bash: commands, then the options of the one that was typed."""
    cases = []
    for name, parser in parsers().items():
        options = sorted({word for action in parser._actions for word in action.option_strings if word != "-h"})
        cases.append(f"        {name}) words='{' '.join(options)}' ;;")
    return f"""# bash completion of edge-agent
_edge_agent() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} words=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='{" ".join(SUMMARIES)}'
    else
        case ${{COMP_WORDS[1]}} in
{chr(10).join(cases)}
        esac
        case $current in
        -*) ;;
        *) words= ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    [ ${{#COMPREPLY[@]}} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}}
complete -o filenames -F _edge_agent edge-agent
"""


def _quoted(line: str) -> str:
    """A line that roff prints as it is."""
    text = line.replace("\\", r"\e").replace("-", r"\-")
    return r"\&" + text if re.match(r"[.']", text) else text
