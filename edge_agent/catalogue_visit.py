"""What the agent says of a maintenance visit and of a commissioning, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

VISIT_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "started": (
            "Visit {number} of {person} has begun. For {minutes} min what is done to the lift raises no alarm; the "
            "alarm button in the car, an impact and movement with open doors still do",
            "第 {number} 次维保（{person}）已开始。{minutes} 分钟内作业不产生报警；"
            "轿厢报警按钮、冲击和开门走车仍会报警",
        ),
        "finished": (
            "Visit {number} of {person} is finished after {lasted} min: {done} items done, {faulty} not in order. "
            "Alarms are raised again",
            "第 {number} 次维保（{person}）已结束，历时 {lasted} 分钟：完成 {done} 项，不合格 {faulty} 项。恢复报警",
        ),
        "forgotten": (
            "Visit {number} of {person} was not finished within {lasted} min: it is taken to be over, and alarms are "
            "raised again",
            "第 {number} 次维保（{person}）超过 {lasted} 分钟未结束：视为已结束，恢复报警",
        ),
        "under_way": (
            "Visit {number} of {person} is under way for {lasted} of {minutes} min",
            "第 {number} 次维保（{person}）进行中：已 {lasted} 分钟，限 {minutes} 分钟",
        ),
        "other_list": (
            "The checklist is not the one with which visit {number} began: finish it with {checklist}",
            "检查表与第 {number} 次维保开始时不同：请使用 {checklist}",
        ),
        "needs_person": ("visit start needs --person NAME", "visit start 需要 --person 姓名"),
        "none": ("No visit is under way", "当前无维保"),
        "not_kept": (
            "The visit is not begun, because it cannot be kept on the disk: {problem}. Free some space and ask again",
            "无法写入存储，维保未开始：{problem}。请清理空间后重试",
        ),
        "not_ended": (
            "The end of the visit cannot be kept on the disk: {problem}. Free some space and ask again",
            "无法写入存储，维保未结束：{problem}。请清理空间后重试",
        ),
        "no_visits": ("This agent keeps no visits: it has no state folder", "本终端未设状态目录，不能登记维保"),
        "before": ("Before: {measured}", "维保前：{measured}"),
        "during": ("During the visit: {measured}", "维保中：{measured}"),
        "nothing_measured": ("nothing was measured", "无测量数据"),
        "door_close_ms": ("door closes in {value} ms", "关门 {value} 毫秒"),
        "door_open_ms": ("door opens in {value} ms", "开门 {value} 毫秒"),
        "vibration_mps2_a95": ("vibration A95 {value} m/s2", "振动 A95 {value} m/s²"),
        "landing_offset_mm": ("a stop {value} mm off its landing", "平层偏差 {value} mm"),
        "trips_seen": ("{value} trips", "{value} 次运行"),
        "ask": (
            "{number}. {item}\n   done [y], not in order [n], left out [enter]: ",
            "{number}. {item}\n   完成 [y]，不合格 [n]，未做 [回车]：",
        ),
        "item": ("{number:>3}. {item}", "{number:>3}. {item}"),
        "commissioned": (
            "The commissioning by {person} is recorded; digest of its report {digest}",
            "已登记投运（{person}），报告摘要 {digest}",
        ),
    }
)


def visit_words(key: str, language: str, **values: str | int) -> str:
    """One sentence. language: "zh" for Chinese, English otherwise."""
    return VISIT_WORDS[key][language == "zh"].format(**values)


def measured_words(signs: tuple[tuple[str, int | float], ...], language: str) -> str:
    """What was measured, with its units."""
    if not signs:
        return visit_words("nothing_measured", language)
    return ("，" if language == "zh" else ", ").join(
        VISIT_WORDS[name][language == "zh"].format(value=f"{value:.3g}" if isinstance(value, float) else value)
        for name, value in signs
    )
