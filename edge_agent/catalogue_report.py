"""What a report says around its figures, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REPORT_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "title": ("Commissioning report and acceptance form", "投运报告及验收单"),
        "ride_title": ("Ride quality report", "乘运质量报告"),
        "observes": (
            "The box only observes. It is no safety device and does not replace the emergency telephone of the lift.",
            "本终端仅作监测，不是安全装置，不能代替电梯的紧急报警电话。",
        ),
        "lift": ("Lift", "电梯"),
        "registration": ("Registration code", "注册代码"),
        "box": ("Box", "终端"),
        "software": ("Software", "软件版本"),
        "made": ("Made", "生成时间"),
        "made_unknown": ("not known: the clock was not set", "未知：时钟未校准"),
        "person": ("Commissioned by", "投运人员"),
        "firm": ("Firm", "单位"),
        "result": ("Result", "结论"),
        "all_passed": ("All steps passed", "全部步骤合格"),
        "some_doubtful": ("Usable; {doubtful} steps are doubtful", "可用；{doubtful} 个步骤存疑"),
        "some_failed": ("Not accepted: {failed} steps failed", "不合格：{failed} 个步骤未通过"),
        "some_missing": ("Passed as far as done; {missing} steps were not done", "已做步骤合格；{missing} 个步骤未做"),
        "nothing_done": ("No step was done", "未做任何步骤"),
        "steps": ("Steps", "步骤"),
        "step": ("Step", "步骤"),
        "verdict": ("Verdict", "判定"),
        "reason": ("Reason", "原因"),
        "passed": ("passed", "合格"),
        "doubtful": ("doubtful", "存疑"),
        "failed": ("failed", "不合格"),
        "skipped": ("left out", "未做"),
        "not_done": ("not done", "未进行"),
        "wiring": ("Wiring", "接线"),
        "sides": ("Six sides of the box", "六面标定"),
        "mount": ("Mounting", "安装"),
        "noise": ("Noise and sampling rate", "噪声与采样率"),
        "doors": ("Doors", "门"),
        "presence": ("Presence sensor", "人体传感器"),
        "trips": ("Learning trips", "学习运行"),
        "controller": ("Controller link", "控制器通信"),
        "signal": ("Mobile signal", "移动信号"),
        "supply": ("Backup supply", "备用电源"),
        "test_alarm": ("Test alarm", "测试报警"),
        "measured": ("Measured", "实测"),
        "value": ("Value", "数值"),
        "expected": ("Expected", "期望范围"),
        "within": ("within", "符合"),
        "outside": ("OUTSIDE", "超出"),
        "no_range": ("-", "-"),
        "at_least": ("at least {low}", "不小于 {low}"),
        "at_most": ("at most {high}", "不大于 {high}"),
        "between": ("{low} to {high}", "{low} 至 {high}"),
        "next_action": ("To do: {action}", "处理：{action}"),
        "settings": ("Lines for the settings file", "建议写入设置文件"),
        "recording": ("Computed from {name}", "依据记录 {name} 计算"),
        "photos": ("Photos", "照片"),
        "acceptance": ("Acceptance", "验收"),
        "accepted": (
            "[  ] accepted   [  ] accepted with reservations   [  ] not accepted",
            "[  ] 合格   [  ] 有保留合格   [  ] 不合格",
        ),
        "remarks": ("Remarks", "备注"),
        "role": ("", ""),
        "name": ("Name", "姓名"),
        "signature": ("Signature", "签字"),
        "date": ("Date", "日期"),
        "installer": ("Installer", "安装人员"),
        "owner": ("Owner or user of the lift", "使用单位"),
        "maintenance_firm": ("Maintenance firm", "维保单位"),
        "seal": ("Seal of the box", "终端签名"),
        "digest": ("SHA-256 of the sealed content", "签名内容的 SHA-256"),
        "key": ("Key of the box", "终端公钥"),
        "how_to_check": (
            "This file holds its content sealed by the box. Check it with: edge-agent report --verify FILE. The "
            "receiver has the same digest in record 73.",
            "本文件内含终端签名的原始内容。校验命令：edge-agent report --verify 文件。接收端记录 73 中有同一摘要。",
        ),
        "not_sealed": (
            "This report is not sealed: it was computed from a recording, which may be on another machine.",
            "本报告未签名：由记录文件计算得出，可能在其他计算机上生成。",
        ),
        "page": ("Page {page} of {pages}", "第 {page} 页 共 {pages} 页"),
        # ---- ride quality
        "trip": ("Trip", "运行"),
        "trip_words": (
            "{number} of {count}: {direction}, {distance} m in {time} s",
            "第 {number} 次（共 {count} 次）：{direction}，{distance} m，{time} s",
        ),
        "up": ("up", "上行"),
        "down": ("down", "下行"),
        "none": ("at rest", "静止"),
        "start": ("Start, on the clock of the recording", "起始时刻（记录时钟）"),
        "rate": ("Samples a second", "采样率"),
        "weighting": ("Weighting", "计权"),
        "weighted": ("Wk vertical, Wd horizontal (ISO 8041-1)", "垂直 Wk，水平 Wd（ISO 8041-1）"),
        "rate_too_low": (
            "none: fewer than 320 samples a second; compares only with itself",
            "无：采样率低于 320 Hz，仅可与自身比较",
        ),
        "irregular": ("none: the samples are not evenly spaced", "无：采样间隔不均匀"),
        "samples_missing": ("none: samples are missing", "无：有采样缺失"),
        "motion": ("Motion", "运动"),
        "speed_v95": ("Speed V95", "速度 V95"),
        "speed": ("Largest speed", "最大速度"),
        "accel": ("Largest acceleration", "最大加速度"),
        "accel_a95": ("Acceleration A95", "加速度 A95"),
        "decel": ("Largest deceleration", "最大减速度"),
        "decel_a95": ("Deceleration A95", "减速度 A95"),
        "jerk": ("Largest jerk", "最大加加速度"),
        "distance": ("Distance", "运行距离"),
        "error": ("Error of the instrument", "仪器误差"),
        "error_none": ("not stated: no standstill before the trip", "未给出：运行前无静止段"),
        "vibration": ("Vibration, peak to peak, m/s²", "振动（峰峰值），m/s²"),
        "axis": ("Axis", "方向"),
        "max_inner": ("largest", "最大值"),
        "a95_inner": ("A95", "A95"),
        "max_constant": ("largest at constant speed", "匀速段最大值"),
        "a95_constant": ("A95 at constant speed", "匀速段 A95"),
        "rest_noise": ("noise at rest", "静止噪声"),
        "vertical": ("vertical", "垂直"),
        "horizontal_1": ("horizontal 1 (strongest)", "水平 1（最强方向）"),
        "horizontal_2": ("horizontal 2 (across it)", "水平 2（与之垂直）"),
        "horizontal_worst": ("horizontal worst", "水平最不利方向"),
        "not_there": ("-", "-"),
        "run": ("vertical, whole run", "垂直，全程"),
        "ride_method": (
            "After ISO 18738-1 / GB/T 24474.1 as docs/ride-quality.md says; it measures and does not judge fitness. "
            "Not in the stated error: bandwidth of the sensor, stiffness of its mounting. No comparison with a "
            "reference instrument has been made.",
            "方法参照 ISO 18738-1 / GB/T 24474.1，见 docs/ride-quality.md；只测量，不作合格判定。"
            "所述误差不含传感器带宽和安装刚度。尚未与标准仪器比对。",
        ),
        "plot_accel": ("Vertical acceleration", "垂直加速度"),
        "plot_speed": ("Speed", "速度"),
        "time_axis": ("time", "时间"),
        "accel_axis": ("acceleration", "加速度"),
        "speed_axis": ("speed", "速度"),
        # ---- the command
        "written": ("Written: {path}", "已生成：{path}"),
        "told": ("{words}", "{words}"),
        "seal_right": (
            "The seal is right: box {box}, lift {lift}, made {made}, SHA-256 {digest}",
            "签名有效：终端 {box}，电梯 {lift}，生成于 {made}，SHA-256 {digest}",
        ),
        "pages_same": ("The pages show what was sealed", "页面与签名内容一致"),
        "pages_differ": (
            "The pages are not those that this program makes of the sealed content: they were altered, or written by "
            "another version or with another font. Trust the sealed content only",
            "页面与本程序由签名内容生成的不一致：可能被改动，或由其他版本、字体生成。仅签名内容可信",
        ),
        "pages_not_compared": (
            "The pages were not compared with the sealed content: give the photos as they were given to make it "
            "(--photo)",
            "未比对页面与签名内容：请用 --photo 给出原照片",
        ),
        "no_pages": ("It has no pages: sealed content only", "无页面，仅含签名内容"),
    }
)


def report_words(key: str, language: str, **values: str | int | float) -> str:
    """One text. language: "zh" for Chinese, English otherwise."""
    text = REPORT_WORDS[key][language == "zh"]
    return text.format(**values) if values else text
