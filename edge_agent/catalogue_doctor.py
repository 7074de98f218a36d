"""What `edge-agent doctor` says of each thing that it looks at, and what to do, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Verdict(Enum):
    """How a thing stands. Only WRONG makes the command's exit code 1."""

    GOOD = "good"
    WATCH = "watch"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is found, with places for values, and what to do; nothing to do: ""."""

    verdict: Verdict
    en: str
    zh: str
    do_en: str = ""
    do_zh: str = ""


MARKS: Mapping[Verdict, tuple[str, str]] = MappingProxyType(
    {
        Verdict.GOOD: ("good   ", "正常"),
        Verdict.WATCH: ("watch  ", "注意"),
        Verdict.WRONG: ("WRONG  ", "故障"),
        Verdict.UNKNOWN: ("unknown", "未知"),
    }
)

SUMMARY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "all_good": ("Nothing is wrong.", "未发现故障。"),
        "some_wrong": ("{count} wrong, {watch} to watch.", "{count} 项故障，{watch} 项需注意。"),
        "do": ("-> {text}", "→ {text}"),
        "source": ("{name}: {text}", "{name}：{text}"),
    }
)

_G, _W, _X, _U = Verdict.GOOD, Verdict.WATCH, Verdict.WRONG, Verdict.UNKNOWN

SENTENCES: Mapping[str, Sentence] = MappingProxyType(
    {
        "supply.good": Sentence(
            _G, "Supply of the board: never too low since it was started", "主板供电：启动后未欠压"
        ),
        "supply.low_now": Sentence(
            _X,
            "Supply of the board: too low now",
            "主板供电：当前欠压",
            "Measure 5 V at the board under load; use a shorter, thicker lead or another supply",
            "在负载下测量主板 5 V；改用更短更粗的电源线或更换电源",
        ),
        "supply.low_before": Sentence(
            _W,
            "Supply of the board: has been too low since it was started",
            "主板供电：启动后曾欠压",
            "Look at its plug and lead; it may fail when the modem sends",
            "检查插头和电源线；调制解调器发送时可能再次欠压",
        ),
        "supply.throttled": Sentence(
            _W,
            "Processor: slowed down now to protect itself",
            "处理器：当前降频保护",
            "Give the box air, and measure its supply",
            "改善终端散热，并测量供电",
        ),
        "supply.unknown": Sentence(_U, "Supply of the board: this board does not tell", "主板供电：本主板无法读取"),
        "heat.good": Sentence(_G, "Processor: {degc:.0f} °C", "处理器：{degc:.0f} °C"),
        "heat.warm": Sentence(
            _W,
            "Processor: {degc:.0f} °C, near its limit of 80 °C",
            "处理器：{degc:.0f} °C，接近 80 °C 上限",
            "Take the box out of the sun or away from the motor, give it air",
            "避开日晒或电机热源，改善通风",
        ),
        "heat.hot": Sentence(
            _X,
            "Processor: {degc:.0f} °C, above its limit of 80 °C",
            "处理器：{degc:.0f} °C，超过 80 °C 上限",
            "Move the box to a cooler place now: it slows down and ages",
            "请立即将终端移到阴凉处：过热会降速并老化",
        ),
        "heat.unknown": Sentence(_U, "Processor: no thermometer found", "处理器：未找到温度传感器"),
        "disk.good": Sentence(_G, "Disk: {free_mib} MiB free", "存储：剩余 {free_mib} MiB"),
        "disk.low": Sentence(
            _W,
            "Disk: only {free_mib} MiB free",
            "存储：仅剩 {free_mib} MiB",
            "Make [recording] max_mib smaller, or remove other files",
            "减小 [recording] max_mib，或删除其他文件",
        ),
        "disk.full": Sentence(
            _X,
            "Disk: full ({free_mib} MiB and {inodes} files free)",
            "存储：已满（剩余 {free_mib} MiB、{inodes} 个文件）",
            "Free some room at once: alarms live from their reserve now",
            "请立即清理空间：报警正在使用预留空间",
        ),
        "disk.read_only": Sentence(
            _X,
            "Disk: {path} is mounted read-only",
            "存储：{path} 以只读方式挂载",
            "If that is not on purpose the card is failing: replace it. Otherwise put the state folder elsewhere",
            "若非有意为之，则存储卡已损坏，请更换；否则请更换状态目录位置",
        ),
        "disk.atime": Sentence(
            _W,
            "Disk: {path} writes the time of each reading (no noatime)",
            "存储：{path} 每次读取都会写入时间（未设 noatime）",
            "Add noatime to its line in /etc/fstab: the card lasts longer",
            "在 /etc/fstab 对应行加入 noatime，可延长存储卡寿命",
        ),
        "card.errors": Sentence(
            _X,
            "Card {name}: its file system has counted {count} errors",
            "存储卡 {name}：文件系统已记录 {count} 个错误",
            "Replace the card soon; join and settings have to be repeated on a new one",
            "请尽快更换存储卡；新卡需重新配置并加入平台",
        ),
        "card.worn": Sentence(
            _W,
            "Card {name}: {percent} % of its life is used",
            "存储卡 {name}：寿命已用 {percent}%",
            "Plan to replace it",
            "请计划更换",
        ),
        "card.good": Sentence(
            _G,
            "Card {name}: no errors; {mib_per_day:.0f} MiB a day written since the start by all programs",
            "存储卡 {name}：无错误；启动后所有程序平均每天写入 {mib_per_day:.0f} MiB",
        ),
        "card.unknown": Sentence(_U, "Card: its kernel counters are not here", "存储卡：无法读取内核计数"),
        "clock.good": Sentence(_G, "Clock: right to within {ms} ms", "时钟：误差 {ms} ms 以内"),
        "clock.unset": Sentence(
            _W,
            "Clock: not set. Alarms go out all the same, the receiver dates them",
            "时钟：未校准。报警照常发送，由平台标注时间",
            "Let the box reach a time server (timedatectl)",
            "请让终端能访问时间服务器（timedatectl）",
        ),
        "agent.armed": Sentence(_G, "Agent: runs and watches ({hours:.1f} h)", "监测程序：运行中（{hours:.1f} 小时）"),
        "agent.starting": Sentence(
            _W, "Agent: still starting", "监测程序：正在启动", "Wait half a minute, ask again", "请等待半分钟后再查"
        ),
        "agent.stopped": Sentence(
            _X,
            "Agent: does not run",
            "监测程序：未运行",
            "Start it: sudo systemctl start lift-edge-agent; then journalctl -u lift-edge-agent",
            "请启动：sudo systemctl start lift-edge-agent，并查看 journalctl -u lift-edge-agent",
        ),
        "agent.hangs": Sentence(
            _X,
            "Agent: has said nothing for {age_s:.0f} s",
            "监测程序：已 {age_s:.0f} 秒无响应",
            "It is restarted by its watchdog; if this stays, look into journalctl -u lift-edge-agent",
            "看门狗会自动重启；若持续，请查看 journalctl -u lift-edge-agent",
        ),
        "ready.good": Sentence(_G, "Detection: {en}", "检测：{zh}"),
        "ready.not": Sentence(_W, "Detection: {en}", "检测：{zh}", "Let the lift make some trips", "请让电梯运行几次"),
        "source.good": Sentence(_G, "{name}: {count} readings", "{name}：{count} 条读数"),
        "source.trouble": Sentence(_X, "{name}: {text}", "{name}：{text}", "{hint}", "{hint}"),
        "source.silent": Sentence(
            _X,
            "{name}: found, but nothing comes from it",
            "{name}：已找到，但无数据",
            "Check wiring and settings of {name}",
            "请检查 {name} 的接线和设置",
        ),
        "receiver.good": Sentence(_G, "Receiver {name}: answers", "平台 {name}：通信正常"),
        "receiver.waiting": Sentence(
            _W,
            "Receiver {name}: answers, {count} records wait",
            "平台 {name}：通信正常，{count} 条记录待发",
            "They go out by themselves; if it stays so, the way out is too slow",
            "将自动发送；若长时间不减少，说明链路过慢",
        ),
        "receiver.trouble": Sentence(
            _X,
            "Receiver {name}: {text}",
            "平台 {name}：{text}",
            "Check network, SIM card and address {url}",
            "请检查网络、SIM 卡和地址 {url}",
        ),
        "receiver.none": Sentence(
            _X,
            "Receiver: none is set up, nobody would come",
            "平台：未配置，报警无人接收",
            'Join one: edge-agent join "..."',
            '请加入平台：edge-agent join "..."',
        ),
        "certificate.good": Sentence(
            _G, "Certificate for {name}: good for {days:.0f} days", "{name} 的证书：剩余 {days:.0f} 天"
        ),
        "certificate.soon": Sentence(
            _W,
            "Certificate for {name}: ends in {days:.0f} days and was not renewed",
            "{name} 的证书：{days:.0f} 天后到期，尚未更新",
            "It renews itself when the receiver answers; else join again",
            "平台可达时会自动更新；否则请重新加入",
        ),
        "certificate.over": Sentence(
            _X,
            "Certificate for {name}: ended {days:.0f} days ago",
            "{name} 的证书：已过期 {days:.0f} 天",
            "Ask the firm for an invitation and join again",
            "请向维保单位索取邀请码并重新加入",
        ),
        "certificate.bad": Sentence(
            _X,
            "Certificate for {name}: cannot be read ({text})",
            "{name} 的证书：无法读取（{text}）",
            "Ask the firm for an invitation and join again",
            "请向维保单位索取邀请码并重新加入",
        ),
        "test.good": Sentence(_G, "Daily test: {hours:.0f} h ago", "每日测试：{hours:.0f} 小时前"),
        "test.old": Sentence(
            _X,
            "Daily test: the last one is {hours:.0f} h old",
            "每日测试：上次为 {hours:.0f} 小时前",
            "Restart the agent; if it stays, ask for help with a support bundle",
            "请重启监测程序；若仍如此，请导出支持包求助",
        ),
        "test.before_boot": Sentence(
            _W,
            "Daily test: none since this start of the box",
            "每日测试：本次启动后尚未进行",
            "It comes within a day",
            "将在一天内进行",
        ),
        "outbox.good": Sentence(_G, "Outbox: {count} records, chain whole", "发件箱：{count} 条记录，链完整"),
        "outbox.damaged": Sentence(
            _X,
            "Outbox: {text}",
            "发件箱：{text}",
            "edge-agent outbox verify names each; what is whole goes on being sent",
            "edge-agent outbox verify 可列出详情；完好的记录继续发送",
        ),
        "outbox.none": Sentence(
            _W,
            "Outbox: none yet",
            "发件箱：尚未建立",
            "It is made when the agent first runs",
            "首次运行后自动建立",
        ),
    }
)
"""By name: the thing, a dot, how it stands."""
