"""Catalogue rows 52 to 63: controller, supply and the box. Source: the project's alarm catalogue."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Severity
from edge_agent.catalogue_row import CatalogueRow, EvidenceField

ROWS = (
    CatalogueRow(
        kind=AlarmKind.CONTROLLER_FAULT,
        severity=Severity.MAJOR,
        severity_note="by fault code",
        title_en="Controller reports a fault",
        title_zh="控制系统故障",
        raised_when_en="The controller reports a fault code, confirmed by two reads.",
        cleared_when_en="The code is gone.",
        evidence=(EvidenceField("fault_code", "", "the number as the controller gives it"),),
        first_check_en="Look the code up in the controller's manual.",
        first_check_zh="按控制系统手册查询故障代码。",
        gb="08",
        bacnet="0",
    ),
    CatalogueRow(
        kind=AlarmKind.SAFETY_CIRCUIT_OPEN,
        severity=Severity.MAJOR,
        title_en="Safety circuit open in motion",
        title_zh="运行中安全回路断开",
        raised_when_en="The controller reports the safety circuit open while the car moves.",
        cleared_when_en="The circuit is closed.",
        evidence=(EvidenceField("car_speed_mps", "m/s", "speed when it opened"),),
        first_check_en="Look for people in the car. Check door locks first, then the rest of the safety circuit.",
        first_check_zh="先确认轿内有无乘客；先查门锁，再查安全回路其他部分。",
        gb="01",
        bacnet="5",
    ),
    CatalogueRow(
        kind=AlarmKind.MAINS_LOST,
        severity=Severity.MAJOR,
        title_en="Mains lost",
        title_zh="停电",
        raised_when_en="The supply of the box or the lift is lost for longer than 2 s; a common cause is marked.",
        cleared_when_en="The supply is back.",
        evidence=(
            EvidenceField("mains_lost_s", "s", "time without supply"),
            EvidenceField("supply_v", "V", "voltage of the battery of the box, where it runs on it"),
        ),
        first_check_en="Ask whether the building has power. Check main switch and fuses.",
        first_check_zh="确认大楼是否停电；检查主开关和熔断器。",
        gb="41",
        bacnet="4",
    ),
    CatalogueRow(
        kind=AlarmKind.CONTROLLER_LINK_LOST,
        severity=Severity.MINOR,
        title_en="Link to the controller lost",
        title_zh="控制系统通信中断",
        raised_when_en="No valid reply for 30 s, or the line is out of step.",
        cleared_when_en="Valid replies for 30 s.",
        evidence=(
            EvidenceField("silent_s", "s", "time since the last valid reply"),
            EvidenceField("reason", "name", "what the driver reported"),
        ),
        first_check_en=(
            "Check plug and cable between box and controller, then address and speed. The rest keeps working."
        ),
        first_check_zh="检查终端与控制柜之间的插头和电缆，再检查地址和波特率；其余监测不受影响。",
        gb="-",
        bacnet="0",
    ),
    CatalogueRow(
        kind=AlarmKind.SENSOR_FAULT,
        severity=Severity.MINOR,
        title_en="Sensor fault",
        title_zh="传感器故障",
        raised_when_en=(
            "A sensor is silent, stuck, saturated, noisy, the wrong chip or at the wrong rate; "
            "the controller says what the sensors show to be wrong; "
            "the modem has no usable SIM card, or no network for 5 min."
        ),
        cleared_when_en="60 s plausible.",
        evidence=(
            EvidenceField("source", "name", "which sensor, as named in the settings, or which word of the controller"),
            EvidenceField("reason", "name", "what is wrong with it"),
            EvidenceField("silent_s", "s", "time since its last usable reading"),
        ),
        first_check_en=(
            "Check plug and cable of the named sensor (of a modem: SIM card and aerial); "
            "`edge-agent status` says what it last gave."
        ),
        first_check_zh=(
            "检查所示传感器的插头和电缆（调制解调器：SIM 卡和天线）；可用 edge-agent status 查看其最近读数。"
        ),
        gb="-",
        bacnet="12",
    ),
    CatalogueRow(
        kind=AlarmKind.STORAGE_LOW,
        severity=Severity.MINOR,
        title_en="Storage low",
        title_zh="存储空间不足",
        raised_when_en=(
            "Less than 100 MiB are free on the disk, or unsent records were dropped, "
            "or the disk cannot be written and records wait in memory (told in the note)."
        ),
        cleared_when_en="150 MiB are free, records are on the disk again, and nothing was dropped for an hour.",
        evidence=(
            EvidenceField("outbox_bytes", "bytes", "size of the outbox"),
            EvidenceField("dropped_count", "", "records dropped since start"),
        ),
        first_check_en=(
            "Check why the receivers are not reached; then free space on the box. "
            "A card that cannot be written is worn: replace it."
        ),
        first_check_zh="检查为何无法连接接收端；再清理终端存储。存储卡不可写时请更换。",
        gb="-",
        bacnet="-",
    ),
    CatalogueRow(
        kind=AlarmKind.CLOCK_UNTRUSTED,
        severity=Severity.INFO,
        title_en="Clock not trusted",
        title_zh="时钟不可信",
        raised_when_en="The wall clock has not been synchronised for 24 h.",
        cleared_when_en="Synchronised.",
        evidence=(EvidenceField("unsynchronised_s", "s", "time since the last synchronisation"),),
        first_check_en="Check the network; alarms keep their order and are dated by the receiver.",
        first_check_zh="检查网络；报警顺序不受影响，时间由接收端推定。",
        gb="-",
        bacnet="-",
    ),
    CatalogueRow(
        kind=AlarmKind.BACKUP_SUPPLY_LOW,
        severity=Severity.MINOR,
        title_en="Backup supply low",
        title_zh="后备电源不足",
        raised_when_en="The measured capacity is below 1 h, or the battery is absent.",
        cleared_when_en="Restored.",
        evidence=(
            EvidenceField("backup_s", "s", "measured running time on battery; 0: none is there"),
            EvidenceField("supply_v", "V", "voltage of the battery"),
        ),
        first_check_en="Replace the battery of the box.",
        first_check_zh="更换终端后备电池。",
        gb="-",
        bacnet="4",
    ),
    CatalogueRow(
        kind=AlarmKind.BOX_MOVED,
        severity=Severity.MINOR,
        title_en="Box moved",
        title_zh="终端移位",
        raised_when_en="The direction of gravity differs from the learned one by more than 3 degrees for 60 s.",
        cleared_when_en=(
            "It sits as before, or has learned its new direction in 30 s of standing; it then learns the lift anew."
        ),
        evidence=(EvidenceField("tilt_deg", "degrees", "angle to the learned direction"),),
        first_check_en="Check how the box is fixed to the car. It has given up what it had learned and learns anew.",
        first_check_zh="检查终端在轿厢上的固定。终端已放弃原有学习结果，正在重新学习。",
        gb="-",
        bacnet="-",
    ),
    CatalogueRow(
        kind=AlarmKind.BOX_OPENED,
        severity=Severity.MINOR,
        title_en="Box opened",
        title_zh="终端被打开",
        raised_when_en="The lid contact of the box has been open for 2 s.",
        cleared_when_en="The lid is closed.",
        evidence=(EvidenceField("lid_open_s", "s", "time the lid has been open"),),
        first_check_en="Ask who is at the box; look for tampering.",
        first_check_zh="确认何人在操作终端；检查是否被破坏。",
        gb="-",
        bacnet="-",
    ),
    CatalogueRow(
        kind=AlarmKind.REPEATED_REBOOT,
        severity=Severity.MINOR,
        title_en="Box restarts again and again",
        title_zh="终端反复重启",
        raised_when_en=(
            "Three runs of the agent within an hour ended without a stop; after five short ones on end it runs in safe "
            "mode (told in the note): accelerometer, contacts and delivery only."
        ),
        cleared_when_en="An hour without a restart.",
        evidence=(EvidenceField("restarts_count", "", "restarts within the hour"),),
        first_check_en="Check the supply of the box; read its log for the cause.",
        first_check_zh="检查终端供电；查看日志中的重启原因。",
        gb="-",
        bacnet="-",
    ),
    CatalogueRow(
        kind=AlarmKind.CERTIFICATE_NOT_RENEWED,
        severity=Severity.MINOR,
        title_en="Certificate not renewed",
        title_zh="证书未能续期",
        raised_when_en=(
            "Three quarters of the certificate's time are over and another could not be had: about a month of daily "
            "attempts have failed. Or its file cannot be read."
        ),
        cleared_when_en="A new certificate is kept.",
        evidence=(
            EvidenceField("certificate_left_s", "s", "until the certificate ends; 0: it has ended, absent: not known"),
        ),
        first_check_en=(
            "Look whether the receiver knows this box and what it answers; let the box join anew if need be. "
            "Alarms are still taken."
        ),
        first_check_zh="检查接收端是否识别该终端及其答复；必要时让终端重新加入。报警仍可上传。",
        gb="-",
        bacnet="-",
    ),
)
