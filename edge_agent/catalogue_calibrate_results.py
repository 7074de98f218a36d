"""What the results of a calibration say: reasons, next actions, names of what was measured, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "skip.asked": ("left out by the person who does this", "由调试人员跳过"),
        "skip.recording": ("a recording cannot tell", "录制中无法得知"),
        "sides.not_wired": ("no accelerometer is set up", "未配置加速度计"),
        "mount.not_wired": ("no accelerometer is set up", "未配置加速度计"),
        "noise.not_wired": ("no accelerometer is set up", "未配置加速度计"),
        "doors.not_wired": ("no door contact is set up", "未配置门触点"),
        "presence.not_wired": ("no presence sensor is set up", "未配置人体传感器"),
        "trips.not_wired": ("no accelerometer is set up", "未配置加速度计"),
        "controller.not_wired": ("no controller is set up", "未配置控制系统"),
        "signal.not_wired": ("no modem is set up", "未配置调制解调器"),
        "supply.not_wired": ("no supply monitor is set up", "未配置电源监测"),
        "test_alarm.not_wired": (
            "no receiver is set up: join one with edge-agent join",
            "未配置平台：请用 edge-agent join 加入",
        ),
        "wiring.all_found": ("All {count} sources give readings", "{count} 个数据源全部正常"),
        "wiring.other_address": (
            "The {source} does not answer at its address, but one answers at {answering}: wrong address in the "
            "settings, or its address pin is wired the other way",
            "{source}在设定地址无应答，但在 {answering} 有应答：设置中的地址不对，或地址引脚接法相反",
        ),
        "wiring.other_chip": (
            "The {source} is another one than the settings say: {answering}",
            "{source}与设置中的型号不同：{answering}",
        ),
        "wiring.other_device": (
            "Something else answers where the {source} should be: {problem}",
            "{source}的地址上应答的是其他器件：{problem}",
        ),
        "wiring.no_chip": ("The {source} is not found: {problem}", "未找到{source}：{problem}"),
        "wiring.no_lines": ("The contact lines cannot be read: {problem}", "无法读取触点线路：{problem}"),
        "wiring.no_modem": ("The modem is not found: {problem}", "未找到调制解调器：{problem}"),
        "wiring.no_controller": ("The controller is not reached: {problem}", "无法连接控制系统：{problem}"),
        "wiring.other_rate": (
            "The controller does not answer with these settings of the line, but it does with {answering}: wrong baud "
            "rate or parity",
            "控制系统在当前串口参数下无应答，但在 {answering} 下有应答：波特率或校验设置错误",
        ),
        "wiring.swapped_pair": (
            "Unit {unit} answers at no usual rate: most probably A and B of the pair are swapped; else the unit "
            "number, or a wire is open",
            "站号 {unit} 在所有常用速率下均无应答：很可能 A、B 接反；否则为站号错误或断线",
        ),
        "wiring.unit_silent": (
            "The controller's address is reached, but unit {unit} does not answer: wrong unit number, or a gateway "
            "without its serial side",
            "可连接控制系统地址，但站号 {unit} 无应答：站号错误，或网关串口侧未接通",
        ),
        "wiring.talker_silent": (
            "Nothing that is {protocol} comes on the line: wires swapped, another rate, or the controller is mute",
            "线路上没有 {protocol} 数据：接线接反、速率不符，或控制系统未发送",
        ),
        "wiring.driver_says": ("The driver says: {hint}", "驱动提示：{hint}"),
        "wiring.next.set": ("Write {line} into the settings and repeat this step", "在设置中写入 {line}，并重做本步骤"),
        "wiring.next.chip": (
            "Check 3.3 V, ground, SDA and SCL at the chip, and that they are not swapped; then repeat",
            "检查芯片处的 3.3 V、地、SDA 和 SCL 是否接好、是否接反，然后重做",
        ),
        "wiring.next.door_contacts": (
            "Check the GPIO chip's name and that no other program holds the pins; then repeat",
            "检查 GPIO 名称，以及引脚是否被其他程序占用，然后重做",
        ),
        "wiring.next.controller": (
            "Swap A and B at one end first; then check unit number, rate, cable and plug; then repeat",
            "先在一端对调 A、B；再检查站号、速率、电缆和插头，然后重做",
        ),
        "wiring.next.modem": (
            "Check plug, port and that ModemManager leaves it alone; then repeat",
            "检查插头、端口，并确认 ModemManager 未占用，然后重做",
        ),
        "link.silent": ("The controller says too little: {problem}", "控制系统数据过少：{problem}"),
        "link.denied": ("The value is not what the person sees: {value}", "数值与所见不符：{value}"),
        "link.unconfirmed": ("Nobody has confirmed: {value}", "未经确认：{value}"),
        "link.opposite": ("The controller says up when the car goes down", "控制系统的上下方向与实际相反"),
        "link.direction_differs": (
            "Its direction fits the measured one in only {percent} % of the reports",
            "方向仅 {percent}% 与实测一致",
        ),
        "link.door_differs": (
            "Its door fits the contact in only {percent} % of the reports",
            "门状态仅 {percent}% 与触点一致",
        ),
        "link.no_trip": (
            "No trip was seen: direction and landing could not be compared",
            "未见运行：无法比对方向和楼层",
        ),
        "link.confirmed": ("{count} values are as the person sees them", "{count} 个数值与所见一致"),
        "link.next.wiring": ("Repeat the wiring step", "请重做接线检查"),
        "link.next.map": (
            "Choose another map (edge-agent maps), or let the detective look for the registers",
            "换用其他寄存器表（edge-agent maps），或使用寄存器侦测",
        ),
        "link.next.confirm": ("Repeat with a trip, and answer for each value", "请带一次运行重做，并逐项确认"),
        "signal.silent": ("The modem says nothing", "调制解调器无数据"),
        "signal.no_network": ("No network lets the modem in", "无法注册到网络"),
        "signal.trouble.absent": ("No SIM card is found", "未找到 SIM 卡"),
        "signal.trouble.pin_needed": ("The SIM card asks for its PIN", "SIM 卡需要 PIN"),
        "signal.trouble.puk_needed": ("The SIM card is locked and asks for its PUK", "SIM 卡已锁定，需要 PUK"),
        "signal.trouble.broken": ("The SIM card cannot be read", "SIM 卡无法读取"),
        "signal.too_few": ("At no landing was the signal heard three times", "各层均未收到三次以上信号"),
        "signal.weak": ("The signal at landing {landing} (0: lowest) is weak", "第 {landing} 层（0 为最低层）信号弱"),
        "signal.one_landing": ("The signal is known at one landing only", "仅测得一层信号"),
        "signal.heard": ("The signal is good at {landings} landings", "{landings} 层信号良好"),
        "signal.next.modem": (
            "Check SIM card, aerial and provider; then repeat",
            "检查 SIM 卡、天线和运营商，然后重做",
        ),
        "signal.next.stay": ("Stand for ten seconds at each landing, and repeat", "每层停留十秒，并重做"),
        "signal.next.aerial": (
            "Move the aerial to the outside of the car's top, upright, and repeat",
            "将天线竖直移到轿顶外侧，并重做",
        ),
        "supply.silent": ("The supply monitor says nothing", "电源监测无数据"),
        "supply.no_battery": ("No battery is connected", "未接电池"),
        "supply.never_carried": (
            "The battery never carried the box: the mains was not taken away, or the current sits elsewhere",
            "电池从未供电：市电未断开，或电流测点不对",
        ),
        "supply.reversed": (
            "The battery loses voltage while current seems to flow into it: the two leads of the monitor are swapped",
            "电压下降而电流显示为充电：监测模块两根引线接反",
        ),
        "supply.empty": ("The battery was empty after {seconds} s ({volts} V)", "电池 {seconds} 秒后耗尽（{volts} V）"),
        "supply.short": (
            "The battery was measured for {seconds} s of {needed} s only",
            "电池仅测量 {seconds} 秒，需要 {needed} 秒",
        ),
        "supply.sags": (
            "The battery sags by {percent} % under the load of the box: it is old, or too small",
            "带载电压下降 {percent}%：电池老化或容量过小",
        ),
        "supply.not_back": ("The mains of the box was not given back", "终端市电尚未恢复"),
        "supply.carries": (
            "The battery carried the box for {seconds} s at {watts} W; more was not measured",
            "电池以 {watts} W 供电 {seconds} 秒；更长时间未测",
        ),
        "supply.next.wire": ("Repeat the wiring step", "请重做接线检查"),
        "supply.next.battery": ("Replace the battery, let it charge, and repeat", "更换电池并充电，然后重做"),
        "supply.next.remove": (
            "Take the mains of the box away during the step, and repeat",
            "测试时断开终端市电，然后重做",
        ),
        "supply.next.swap": ("Swap the two leads of the monitor, and repeat", "对调监测模块两根引线，然后重做"),
        "supply.next.longer": (
            "Leave the mains away until the bar is full, and repeat",
            "保持断电直到进度条走满，然后重做",
        ),
        "supply.next.back": ("Give the mains of the box back", "请恢复终端市电"),
        "test_alarm.not_stored": (
            "{receiver} has not said that it is stored: {problem}",
            "平台 {receiver} 未确认存储：{problem}",
        ),
        "test_alarm.late": ("{receiver} stored it only after {seconds} s", "平台 {receiver} 在 {seconds} 秒后才存储"),
        "test_alarm.stored": ("{count} receivers have it, sealed and stored", "{count} 个平台已确认存储"),
        "test_alarm.next": (
            "Look with edge-agent doctor: network, SIM card, address, certificate; then repeat",
            "用 edge-agent doctor 检查网络、SIM 卡、地址和证书，然后重做",
        ),
    }
)

NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "wiring.sources_found": ("sources found", "已找到的数据源"),
        "wiring.sources": ("Sources", "数据源"),
        "source": ("source", "数据源"),
        "readings": ("readings", "读数"),
        "verdict": ("verdict", "结论"),
        "place": ("place", "位置"),
        "place.back_left": ("back left", "左后角"),
        "place.back_right": ("back right", "右后角"),
        "place.front_left": ("front left", "左前角"),
        "place.front_right": ("front right", "右前角"),
        "place.middle": ("middle", "中央"),
        "place.outside": ("empty car", "无人"),
        "link.rate": ("reports a second", "每秒报告数"),
        "link.suspect": ("suspect reports", "可疑报告"),
        "link.direction_agrees": ("direction agrees with the accelerometer", "方向与加速度计一致"),
        "link.door_agrees": ("door agrees with the contact", "门与触点一致"),
        "link.values": ("Values of the controller", "控制系统数值"),
        "value": ("value", "数值"),
        "controller_says": ("controller says", "控制系统"),
        "person_says": ("person confirms", "人工确认"),
        "signal.landings": ("Signal by landing", "各层信号"),
        "signal.by_landing": ("Signal by landing", "各层信号"),
        "signal.rssi": ("RSSI", "RSSI"),
        "signal.rsrp": ("RSRP", "RSRP"),
        "signal.rssi_weakest": ("weakest RSSI", "最弱 RSSI"),
        "signal.rsrp_weakest": ("weakest RSRP", "最弱 RSRP"),
        "landing": ("landing", "层站"),
        "height_m": ("height, m", "高度（米）"),
        "height": ("height", "高度"),
        "level": ("level", "强度"),
        "rssi_dbm": ("RSSI, dBm", "RSSI（dBm）"),
        "rsrp_dbm": ("RSRP, dBm", "RSRP（dBm）"),
        "reports": ("reports", "报告数"),
        "supply.carried": ("on battery for", "电池供电时间"),
        "supply.load": ("load", "负载"),
        "supply.current": ("current", "电流"),
        "supply.lowest": ("lowest voltage", "最低电压"),
        "supply.sag": ("sag under load", "带载压降"),
        "supply.discharge": ("Battery under load", "电池带载"),
        "supply.voltage": ("battery voltage", "电池电压"),
        "time": ("time", "时间"),
        "voltage": ("voltage", "电压"),
        "test_alarm.stored_after": ("stored after", "存储用时"),
        "test_alarm.receivers": ("Receivers", "平台"),
        "receiver": ("receiver", "平台"),
        "stored_after_s": ("stored after, s", "存储用时（秒）"),
    }
)
