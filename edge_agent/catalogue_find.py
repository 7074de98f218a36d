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
        "find.registers": (
            "   Which registers? As in holding:0x1000-0x107f, several with a space between; [enter] those around the "
            "fields of the map in the settings: ",
            "   读取哪些寄存器？如 holding:0x1000-0x107f，多段用空格分开；[回车] 读取现有寄存器表附近的地址：",
        ),
        "wire.offer": (
            "   No controller is in the settings. Is a bus of it wired to this box? [w] tell which: it is only read, "
            "never written  [enter] leave it out  [q] leave: ",
            "   设置中没有控制系统。是否已将其总线接到本终端？[w] 填写线路（只读不写）  [回车] 跳过  [q] 退出：",
        ),
        "wire.kind": (
            "   How? [1] Modbus RTU on a serial port  [2] Modbus TCP  [3] RTU frames over TCP (gateway)  "
            "[enter] not now: ",
            "   哪种方式？[1] 串口 Modbus RTU  [2] Modbus TCP  [3] TCP 透传 RTU（网关）  [回车] 暂不：",
        ),
        "wire.port": ("   Serial port [{default}]: ", "   串口 [{default}]："),
        "wire.rate": ("   Speed in baud [{default}]: ", "   波特率 [{default}]："),
        "wire.host": ("   Address of controller or gateway: ", "   控制系统或网关的地址："),
        "wire.tcp_port": ("   TCP port [{default}]: ", "   TCP 端口 [{default}]："),
        "wire.unit": ("   Unit number on the bus [{default}]: ", "   从站地址 [{default}]："),
        "wire.no_number": ("   {word} is no number", "   {word} 不是数字"),
        "wire.family": (
            "   Which of these is it? Its number; [enter] none of them, or not known: ",
            "   是哪一种？输入编号；[回车] 都不是或不清楚：",
        ),
        "wire.unknown": (
            "   Nobody knows what this controller does when it is polled, or no longer polled: ask the maintenance "
            "firm, and make the first connection with the car empty. Registers would be read while you ride, never "
            "written",
            "   无法得知该控制系统被轮询或停止轮询时的反应：请先询问维保单位，首次连接时轿厢须无人。"
            "运行期间只读寄存器，绝不写入",
        ),
        "wire.risk": ("   What its map warns of: {note}", "   该寄存器表的警告：{note}"),
        "wire.said_so": (
            "   Has the maintenance firm said that it may be polled? [y/n] ",
            "   维保单位是否同意轮询？[y/n] ",
        ),
        "wire.trying": ("   It is being tried, reading only", "   正在尝试（只读）"),
        "wire.answers": ("   It answers", "   有应答"),
        "wire.other": (
            "   It does not answer at this speed, but with {line}: that is proposed",
            "   该波特率无应答，{line} 有应答：按此建议",
        ),
        "wire.silent": (
            "   Nothing answers. Check A and B, the port, the unit number, and that the controller's Modbus is on; "
            "what you told can be written all the same",
            "   无应答。请检查 A/B 线、端口、从站地址以及控制系统的 Modbus 是否开启；仍可写入所填内容",
        ),
        "find.begin": (
            "Reading {registers} registers of {link}, never writing, for {minutes} min. [enter] or Ctrl-C ends it and "
            "judges what is there",
            "只读不写：从 {link} 读取 {registers} 个寄存器，共 {minutes} 分钟。按回车或 Ctrl-C 结束并判断已有数据",
        ),
        "find.ride": (
            "Meanwhile ride: every landing, twice the whole way up and down; two stops between landings by different "
            "faults; inspection switch twice; some seconds of standing with the door shut",
            "期间请运行：每层停靠，全程上下两次；两次由不同故障造成的层间停梯；检修开关切换两次；关门静止数秒",
        ),
        "find.keys": ("[enter] enough, judge it", "[回车] 结束并判断"),
        "find.more_landings": ("stop at three landings at least", "请至少停靠三个层站"),
        "find.more_trips": ("ride twice up and twice down at least", "请至少上行两次、下行两次"),
        "gauge.answers": ("answers", "应答数"),
        "gauge.switch": ("inspection switch turned", "检修开关切换次数"),
        "find.judging": ("It is being judged", "正在判断"),
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
        "find.register": ("{table} {address}", "{table} {address}"),
        "find.bits": ("{register}, bits {first} to {last}", "{register}，位 {first} 至 {last}"),
        "table.holding": ("holding", "保持寄存器"),
        "table.input": ("input", "输入寄存器"),
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
