"""A controller that no map of ours fits, with two words in one register: direction and mode."""

from __future__ import annotations

from drivers.register_map import Feed

NOBODY_KNOWS = """\
[map]
name = "nobody_knows"
maker = "nobody"
model = "of this test"
firmware = "not known"
evidence = "inferred"
source = "made up"
polling_is_safe = true
polling_note = "simulated"
max_registers_per_read = 16
gap_registers_max = 8

[canary]
address = 0x1015
value = 1750

[[field]]
name = "where"
address = 0x1010
kind = "bits"
bits = [8, 15]
minimum = 0
maximum = 60
feeds = "floor"

[[field]]
name = "way"
address = 0x1012
kind = "enum"
bits = [2, 3]
feeds = "direction"
[field.values]
0 = "none"
1 = "down"
2 = "up"

[[field]]
name = "doors"
address = 0x1013
kind = "enum"
bits = [0, 2]
feeds = "door"
[field.values]
1 = "open"
2 = "closing"
4 = "closed"
5 = "opening"

[[field]]
name = "kind_of_work"
address = 0x1012
kind = "enum"
bits = [8, 11]
feeds = "mode"
[field.values]
1 = "normal"
3 = "inspection"
4 = "fire_return"

[[field]]
name = "what_is_wrong"
address = 0x1014
kind = "uint16"
minimum = 0
maximum = 999
feeds = "fault"

[[field]]
name = "how_fast"
address = 0x1016
kind = "uint16"
scale = 0.001
unit = "m/s"
minimum = 0
maximum = 5
feeds = "speed_mps"
"""

TRUE = {Feed.FLOOR: 0x1010, Feed.DIRECTION: 0x1012, Feed.DOOR: 0x1013, Feed.MODE: 0x1012, Feed.FAULT: 0x1014}
