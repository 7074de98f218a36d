"""What a guided calibration says: steps, instructions, gauges, questions, in English and Chinese.

The reasons and next actions of results stand in `catalogue_calibrate_results.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STEPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "step.wiring": ("Wiring", "接线"),
        "step.sides": ("Six sides of the box", "六面标定"),
        "step.mount": ("Mounting", "安装"),
        "step.noise": ("Noise and sample rate", "噪声与采样率"),
        "step.doors": ("Doors", "门"),
        "step.presence": ("Presence sensor", "人体传感器"),
        "step.trips": ("Learning trips", "学习运行"),
        "step.controller": ("Controller link", "控制系统通信"),
        "step.signal": ("Mobile signal", "移动信号"),
        "step.supply": ("Backup supply", "备用电源"),
        "step.test_alarm": ("Test alarm", "测试报警"),
        "verdict.passed": ("passed", "合格"),
        "verdict.doubtful": ("doubtful", "存疑"),
        "verdict.failed": ("FAILED", "不合格"),
        "verdict.skipped": ("left out", "跳过"),
    }
)

INSTRUCTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "all_done": ("All steps are done", "全部步骤已完成"),
        "wiring.do": (
            "Touch nothing: each chip, line and bus is opened and listened to",
            "请勿触碰：正在逐一打开并监听各芯片、线路和总线",
        ),
        "sides.do": (
            "Before the box is screwed on: lay it on each of its six sides, on anything firm, five seconds each. If "
            "it is already screwed on, leave this step out",
            "终端尚未固定时：将其六个面依次朝下放在平稳的表面上，每面五秒。若已固定，请跳过本步骤",
        ),
        "sides.do.hold": ("{side}: let go and do not touch it", "{side}：请松手，勿触碰"),
        "sides.do.next": (
            "Lay it on another side and let go. Still to be up: {left}",
            "换另一面放下并松手。还需朝上的轴：{left}",
        ),
        "sides.do.askew": (
            "It lies too much askew: lay it flat on one of its sides",
            "倾斜过大：请将某一面平放",
        ),
        "sides.done": ("All six sides are done: now screw the box on", "六个面均已完成：现在请固定终端"),
        "mount.do": (
            "The box is screwed on now. Let the lift stand, doors shut. Touch neither box nor car until the bar is "
            "full",
            "终端现已固定。电梯停稳、关门。进度条走满前请勿触碰终端和轿厢",
        ),
        "noise.do": (
            "Let the lift stand, nobody moves in the car or on its roof, fan as usual",
            "电梯停稳，轿厢内和轿顶人员静止，风扇保持平时状态",
        ),
        "doors.do": (
            "Let the door open and close fully three times, then ride one landing with the door shut",
            "让门完全开、关三次，然后关门运行一层",
        ),
        "presence.do": ("Follow the places one by one", "请按提示依次站到各位置"),
        "presence.do.back_left": ("Stand in the back left corner and move a little", "站到轿厢左后角，稍作活动"),
        "presence.do.back_right": ("Stand in the back right corner and move a little", "站到轿厢右后角，稍作活动"),
        "presence.do.front_left": ("Stand in the front left corner and move a little", "站到轿厢左前角，稍作活动"),
        "presence.do.front_right": ("Stand in the front right corner and move a little", "站到轿厢右前角，稍作活动"),
        "presence.do.middle": ("Stand in the middle, quite still", "站在轿厢中央，保持静止"),
        "presence.do.outside": (
            "Everybody out. Wait until the sensor has gone off, a minute at most",
            "所有人离开轿厢，等待传感器复位，最多一分钟",
        ),
        "presence.done": ("All places are done", "各位置已完成"),
        "trips.do": (
            "Bring the car to the lowest landing first. Ride up and down with a stop at every landing, then straight "
            "up and straight down. Up to four landings: all of it twice",
            "先将轿厢开到最低层，然后上行每层停靠、下行每层停靠，再直达顶层、直达最低层；四层及以下请全部做两遍",
        ),
        "controller.do": (
            "Ride one landing up and one down, and hold each value against what you see",
            "上行一层、下行一层，并将每个数值与所见核对",
        ),
        "signal.do": (
            "Begin at the lowest landing and stand for ten seconds at every landing",
            "从最低层开始，每层停留十秒",
        ),
        "supply.do": (
            "Take the mains away from the box (its plug or fuse, never the lift's)",
            "断开终端的市电（拔终端插头或保险，切勿动电梯电源）",
        ),
        "supply.do.wait": ("The battery carries the box. Wait", "电池供电中，请等待"),
        "supply.do.back": ("Enough: give the mains back", "时间已够：请恢复市电"),
        "test_alarm.do": (
            "One test alarm goes to every receiver. Nothing to do but wait",
            "向每个平台发送一条测试报警，请等待",
        ),
    }
)

LIVE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "wiring.looking": ("{source} is being looked at", "正在检查{source}"),
        "wait.seconds": ("{seconds} s more", "还需 {seconds} 秒"),
        "sides.no_samples": (
            "No samples come from the accelerometer: repeat the wiring step",
            "加速度计无数据：请重做接线检查",
        ),
        "sides.more": ("{left} sides more", "还有 {left} 个面"),
        "side.+x": ("+x up", "+x 朝上"),
        "side.-x": ("-x up", "-x 朝上"),
        "side.+y": ("+y up", "+y 朝上"),
        "side.-y": ("-y up", "-y 朝上"),
        "side.+z": ("+z up", "+z 朝上"),
        "side.-z": ("-z up", "-z 朝上"),
        "side_done": ("done", "完成"),
        "side_up": ("now", "当前"),
        "side_open": ("to do", "待做"),
        "gauge.still": ("lies still for", "已静止"),
        "mount.no_samples": (
            "No samples come from the accelerometer: repeat the wiring step",
            "加速度计无数据：请重做接线检查",
        ),
        "noise.no_samples": (
            "No samples come from the accelerometer: repeat the wiring step",
            "加速度计无数据：请重做接线检查",
        ),
        "doors.more": ("{left} times more", "还需 {left} 次"),
        "doors.ride": (
            "Ride one landing, so that it shows which end is the closed one",
            "请运行一层，以确认哪一端是关门",
        ),
        "presence.more": ("{left} places more", "还有 {left} 个位置"),
        "trips.more": ("{left} trips more", "还需 {left} 次运行"),
        "trips.both_ways": ("Only one direction was seen: ride the other way, too", "只见到一个方向：请再反向运行"),
        "controller.silent": ("The controller has said nothing yet", "控制系统尚无应答"),
        "controller.ride": ("Ride one landing and back", "请运行一层再返回"),
        "controller.confirm": ("{left} values are still to be confirmed", "还有 {left} 个数值待确认"),
        "signal.more": ("Stops besides the first: {trips} of at least 2", "除起始层外已停 {trips} 层，至少 2 层"),
        "supply.more": ("{seconds} s more on battery", "电池供电还需 {seconds} 秒"),
        "test_alarm.waits": ("Waiting for the receipt of {receiver}", "等待平台 {receiver} 的回执"),
        "source.accelerometer": ("accelerometer", "加速度计"),
        "source.pressure": ("barometer", "气压计"),
        "source.door_contacts": ("contacts", "触点"),
        "source.controller": ("controller", "控制系统"),
        "source.supply": ("supply monitor", "电源监测"),
        "source.modem": ("modem", "调制解调器"),
        "gauge.gravity": ("gravity", "重力"),
        "gauge.tilt": ("tilt of the box", "终端倾角"),
        "gauge.shake": ("shaking", "晃动"),
        "gauge.rate": ("samples a second", "每秒采样"),
        "gauge.noise": ("noise", "噪声"),
        "gauge.door_cycles": ("opened and closed", "开关次数"),
        "gauge.receiver": ("receiver", "平台"),
        "gauge.speed": ("speed, up positive", "速度（上行为正）"),
        "gauge.height": ("height above the start", "相对起点高度"),
        "gauge.trips": ("trips", "运行次数"),
        "gauge.stops": ("different landings", "不同层站"),
        "gauge.registration": ("network", "网络"),
        "gauge.rssi": ("signal (RSSI)", "信号（RSSI）"),
        "gauge.rsrp": ("signal (RSRP)", "信号（RSRP）"),
        "gauge.battery": ("battery", "电池"),
        "gauge.current": ("current out of it", "输出电流"),
        "gauge.carried": ("on battery for", "电池已供电"),
        "line.door_open": ("contact door open", "开门到位触点"),
        "line.door_closed": ("contact door closed", "关门到位触点"),
        "line.door_open_rear": ("contact rear door open", "后门开到位触点"),
        "line.door_closed_rear": ("contact rear door closed", "后门关到位触点"),
        "line.presence": ("presence sensor", "人体传感器"),
        "controller.floor": ("landing", "楼层"),
        "controller.direction": ("direction", "方向"),
        "controller.door": ("door", "门"),
        "controller.mode": ("mode", "模式"),
        "controller.fault": ("fault", "故障"),
        "on": ("on", "接通"),
        "off": ("off", "断开"),
        "yes": ("yes", "是"),
        "no": ("no", "否"),
        "found": ("found", "正常"),
        "not_found": ("NOT FOUND", "未找到"),
        "not_said": ("not said", "未提供"),
        "not_asked": ("not confirmed", "未确认"),
        "up": ("up", "上行"),
        "down": ("down", "下行"),
        "none": ("none", "无"),
        "open": ("open", "开"),
        "opening": ("opening", "正在开"),
        "closing": ("closing", "正在关"),
        "closed": ("closed", "关"),
        "fault": ("fault", "故障"),
        "normal": ("normal", "正常"),
        "inspection": ("inspection", "检修"),
        "fire_return": ("fire return", "火警返回"),
        "firefighter": ("firefighter", "消防员"),
        "emergency_power": ("emergency power", "应急电源"),
        "earthquake": ("earthquake", "地震"),
        "out_of_service": ("out of service", "停用"),
        "unknown": ("unknown", "未知"),
        "home": ("registered", "已注册"),
        "roaming": ("registered, roaming", "已注册（漫游）"),
        "searching": ("searching", "搜索中"),
        "denied": ("refused", "被拒绝"),
        "emergency_only": ("emergency calls only", "仅紧急呼叫"),
        "not_searching": ("not searching", "未搜索"),
    }
)

QUESTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "presence.ask.back_left": ("Stood in the back left corner?", "左后角已站好？"),
        "presence.ask.back_right": ("Stood in the back right corner?", "右后角已站好？"),
        "presence.ask.front_left": ("Stood in the front left corner?", "左前角已站好？"),
        "presence.ask.front_right": ("Stood in the front right corner?", "右前角已站好？"),
        "presence.ask.middle": ("Stood in the middle?", "中央已站好？"),
        "presence.ask.outside": ("Everybody out, and the sensor off?", "人员已全部离开，传感器已复位？"),
        "controller.ask.floor": (
            "The box reads landing {value}. Does the car show that?",
            "读到楼层 {value}，轿厢显示一致吗？",
        ),
        "controller.ask.direction": (
            "The box reads direction {value}. Is that so now?",
            "读到方向 {value}，现在一致吗？",
        ),
        "controller.ask.door": ("The box reads door {value}. Is that so now?", "读到门 {value}，现在一致吗？"),
        "controller.ask.mode": ("The box reads mode {value}. Is the lift in it?", "读到模式 {value}，电梯是该模式吗？"),
        "controller.ask.fault": (
            "The box reads fault code {value} (0: none). Does the controller show that?",
            "读到故障码 {value}（0 为无），控制柜显示一致吗？",
        ),
    }
)

TALK: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "head": (
            "Calibration of {lift}; {count} steps. Ctrl-C leaves, --resume goes on",
            "{lift} 的调试，共 {count} 步。Ctrl-C 退出，--resume 继续",
        ),
        "step_head": ("[{number}/{count}] {step}", "[{number}/{count}] {step}"),
        "keys": ("[enter] done  [s] leave out  [q] leave", "[回车] 完成  [s] 跳过  [q] 退出"),
        "begin": ("[enter] begin  [s] leave out  [q] leave: ", "[回车] 开始  [s] 跳过  [q] 退出："),
        "answer": ("[y] yes  [n] no", "[y] 是  [n] 否"),
        "again": ("[enter] repeat  [s] leave it so  [q] leave: ", "[回车] 重做  [s] 保持现状  [q] 退出："),
        "verdict_line": ("{step}: {verdict} (after {seconds:.0f} s)", "{step}：{verdict}（{seconds:.0f} 秒）"),
        "next": ("-> {text}", "→ {text}"),
        "measured": ("{name}: {value:.4g}{unit}", "{name}：{value:.4g}{unit}"),
        "expected": ("{name}: {value:.4g}{unit}  (expected {range})", "{name}：{value:.4g}{unit}（应为 {range}）"),
        "range.between": ("{low:g} to {high:g}", "{low:g} 至 {high:g}"),
        "range.least": ("at least {low:g}", "不小于 {low:g}"),
        "range.most": ("at most {high:g}", "不大于 {high:g}"),
        "agent_runs": (
            "The agent watches with these devices ({problem}). Stop it for the calibration: sudo systemctl stop "
            "lift-edge-agent; afterwards: sudo systemctl start lift-edge-agent. Until then nobody watches this lift",
            "监测程序正在使用这些设备（{problem}）。请先停止：sudo systemctl stop lift-edge-agent；"
            "完成后：sudo systemctl start lift-edge-agent。其间本梯无人监测",
        ),
        "start_agent": (
            "Start the agent now, so that this lift is watched: sudo systemctl start lift-edge-agent",
            "请立即启动监测程序：sudo systemctl start lift-edge-agent",
        ),
        "results": ("Results are kept in {path}", "结果保存在 {path}"),
        "no_change": ("The settings need no change", "设置无需更改"),
        "ask_write": ("Write this into {path}? [y/n] ", "写入 {path}？[y/n] "),
        "written": ("Written: {path}", "已写入：{path}"),
        "not_written": ("Not written; {path} stands as it was", "未写入；{path} 保持不变"),
        "ready": (
            "The lift is ready: {passed} passed, {doubtful} doubtful, {skipped} left out",
            "已就绪：合格 {passed}，存疑 {doubtful}，跳过 {skipped}",
        ),
        "not_ready": (
            "NOT ready: {failed} failed, {open} not done. Repeat one with --step NAME, or go on with --resume",
            "未就绪：不合格 {failed}，未做 {open}。可用 --step NAME 重做，或用 --resume 继续",
        ),
        "lift_time": ("Time in which the lift was needed: {minutes:.1f} min", "占用电梯时间：{minutes:.1f} 分钟"),
        "is_there": (
            "A calibration of {lift} is there already ({done} steps). Go on with --resume, or begin anew with --fresh",
            "已有 {lift} 的调试记录（{done} 步）。请用 --resume 继续，或用 --fresh 重新开始",
        ),
        "other_lift": (
            "The calibration kept here is of {lift}. Begin anew with --fresh",
            "此处保存的是 {lift} 的调试。请用 --fresh 重新开始",
        ),
        "no_recording": ("{folder} holds no recording of this step", "{folder} 中没有该步骤的录制"),
        "dropped": ("The step took too long: {count} readings were left out", "步骤时间过长：{count} 条读数未计入"),
    }
)
