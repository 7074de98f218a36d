"""Records on the path of the alarms that are none themselves. Source: the project's alarm catalogue."""

from __future__ import annotations

from edge_agent.catalogue_row import RecordRow

RECORDS = (
    RecordRow(64, "started", "Started: identity and cause", "启动：身份与原因"),
    RecordRow(65, "clock_fix", "Clock fix", "校时"),
    RecordRow(66, "checkpoint", "Checkpoint of all streams", "各流检查点"),
    RecordRow(67, "records_lost", "Records lost, and why", "记录丢失及原因"),
    RecordRow(68, "configuration_changed", "Configuration changed", "配置变更"),
    RecordRow(69, "periodic_test", "Periodic test of the alarm path", "报警通路定期测试"),
    RecordRow(70, "key_changed", "Record key changed", "记录密钥更换"),
    RecordRow(71, "update_applied", "Update applied", "软件更新完成"),
    RecordRow(72, "mode_change", "Service mode changed", "服务模式变化"),
    RecordRow(73, "commissioning", "Commissioning", "投运"),
    RecordRow(74, "maintenance_visit", "Maintenance visit", "维保到场"),
    RecordRow(96, "trip", "Trip", "一次运行"),
    RecordRow(97, "heartbeat", "Heartbeat", "心跳"),
    RecordRow(98, "trip_statistics", "Trip statistics", "运行统计"),
    RecordRow(99, "door_statistics", "Door statistics", "开关门统计"),
    RecordRow(100, "ride_report", "Ride quality report", "乘运质量报告"),
    RecordRow(101, "signal_coverage", "Signal coverage", "信号覆盖"),
)
