"""`lift-sim`: simulated lifts from the command line."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from edge_agent.errors import EdgeAgentError
from sim import cli_campaign, cli_scenarios, cli_serve
from sim.cli_world import run_worlds
from sim.demo import run_demo

_BROKEN = 2


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    top = argparse.ArgumentParser(prog="lift-sim", description="Simulated lifts: stories with known alarms.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="the scenarios that come with the simulator")
    describe = commands.add_parser("describe", help="tell one scenario in sentences")
    describe.add_argument("name", metavar="NAME", help="a scenario, or the path of a .toml file")
    run = commands.add_parser(
        "run",
        help="run scenarios through the real detector and compare with what they expect",
        description="Virtual time: hours take seconds. Exit status: 0 all as expected, 1 not, 2 a broken file.",
    )
    run.add_argument("names", metavar="NAME", nargs="*", help="scenarios or files; none: all that are shipped")
    run.add_argument("--seed", type=int, default=1, help="first seed (default 1)")
    run.add_argument("--seeds", type=int, default=1, help="how many seeds from there on (default 1)")
    run.add_argument("--alarms", action="store_true", help="print every alarm")
    run.add_argument("--quiet", action="store_true", help="print failures only")
    record = commands.add_parser("record", help="write a scenario as a recording with its truth")
    record.add_argument("name", metavar="NAME")
    record.add_argument("folder", metavar="DIR", type=Path, help="a folder that is not there yet")
    record.add_argument("--seed", type=int, default=1)
    demo = commands.add_parser(
        "demo", help="receiver, simulated lift and agent together, one story told as it happens (a minute and a half)"
    )
    demo.add_argument("--story", metavar="NAME", default="stuck-between-landings")
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--live", action="store_true", help="stay up afterwards, with the receiver's page, until Ctrl-C")
    live = commands.add_parser(
        "serve", help="lifts, live: Modbus TCP and RTU, serial talkers, I2C and GPIO for programs started against them"
    )
    cli_serve.add_arguments(live)
    command = commands.add_parser("command", help="tell a served lift something: trap people=2, or: help")
    command.add_argument("folder", metavar="DIR", type=Path, help="the folder of lift-sim serve")
    command.add_argument("words", metavar="WORD", nargs="+", help="[LIFT] VERB key=value ...")
    campaign = commands.add_parser(
        "campaign",
        help="a year in the life of many lifts: false alarms in a lift-year, entrapments missed, times to raise",
        description="Lifts, boxes and days drawn at random. Exit status: 1 if an entrapment was missed.",
    )
    cli_campaign.add_arguments(campaign)
    world = commands.add_parser(
        "world",
        help="agent core, outbox and delivery with a bad network and sudden deaths, under virtual time, from one seed",
    )
    world.add_argument("names", metavar="NAME", nargs="*", help="scenarios; none: all that are shipped")
    world.add_argument("--seed", type=int, default=1)
    world.add_argument("--seeds", type=int, default=1)
    world.add_argument("--calm", action="store_true", help="good network, no deaths")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    args = parser().parse_args(argv)
    try:
        status = _run(args)
        sys.stdout.flush()
    except EdgeAgentError as error:
        print(error, file=sys.stderr)
        return _BROKEN
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has left; nothing more to say
        return 0
    return status


def _run(args: argparse.Namespace) -> int:
    match args.command:
        case "list":
            return cli_scenarios.list_scenarios()
        case "describe":
            return cli_scenarios.describe(args.name)
        case "run":
            return cli_scenarios.run(args)
        case "world":
            return run_worlds(args.names, seed=args.seed, seeds=args.seeds, is_rough=not args.calm)
        case "campaign":
            return cli_campaign.run_campaign(args)
        case "serve":
            return cli_serve.serve(cli_serve.plan_from(args))
        case "command":
            return cli_serve.command(args.folder, args.words)
        case "demo":
            return run_demo(args.story, seed=args.seed, is_live=args.live)
        case _:
            return cli_scenarios.record(args.name, args.folder, args.seed)


if __name__ == "__main__":
    sys.exit(main())
