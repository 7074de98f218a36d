# On the emulated Pi 3B: the installed agent is counted by pi-whole.py. The package's service stays off (no settings).
cd /lab/tree
exec env LG_WD=/tmp PYTHONPATH=/lab/tree python3 /lab/pi-whole.py 25
