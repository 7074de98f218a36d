"""What `edge-agent maps find` says, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FIND: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "find.offer": (
            "   No map fits? [f] reads registers while you ride, never writing, for at most {minutes} min; then a map "
            "is proposed, and you confirm each value",
            "   没有合适的寄存器表？[f] 在运行期间只读寄存器（最多 {minutes} 分钟），然后给出建议的寄存器表，"
            "由您逐项确认",
        ),
        "find.begin": (
            "Reading {registers} registers of {link}, never writing, for {minutes} min. Ctrl-C ends it and judges what "
            "is there",
            "只读不写：从 {link} 读取 {registers} 个寄存器，共 {minutes} 分钟。按 Ctrl-C 结束并判断已有数据",
        ),
        "find.ride": (
            "Meanwhile ride: every landing, twice the whole way up and down; two stops between landings by different "
            "faults; inspection switch twice; some seconds of standing with the door shut",
            "期间请运行：每层停靠，全程上下两次；两次由不同故障造成的层间停梯；检修开关切换两次；关门静止数秒",
        ),
        "find.kept": (
            "{reads} answers are kept in {log}, the readings in {recording}",
            "{reads} 条应答保存在 {log}，传感器读数保存在 {recording}",
        ),
        "find.refused": ("{count} registers are refused by the controller", "控制系统拒绝读取 {count} 个寄存器"),
        "find.trouble": (
            "The reading ended early, because the controller is in trouble: {problem}",
            "读取提前结束，控制系统通信异常：{problem}",
        ),
        "find.seen": (
            "{registers} registers were read, {changing} of them changed",
            "读到 {registers} 个寄存器，其中 {changing} 个有变化",
        ),
        "find.untold": ("The trips could not be measured: {reason}", "无法测量运行过程：{reason}"),
        "find.word": (
            "{word}: {register}, confidence {percent:.0f} %, values {values}",
            "{word}：{register}，可信度 {percent:.0f} %，值 {values}",
        ),
        "find.also": ("   the same is said by {register}", "   {register} 内容相同"),
        "find.not_found": ("{word}: not found", "{word}：未找到"),
        "find.because": ("   {reason}", "   {reason}"),
        "find.map": (
            "Proposed map: {path}. Look at each word on the lift before it is used",
            "建议的寄存器表：{path}。使用前请在电梯上逐项核对",
        ),
        "find.no_map": (
            "No word was found, so no map is written. Make a longer log, with more trips",
            "未找到任何内容，不生成寄存器表。请延长记录并增加运行次数",
        ),
    }
)
