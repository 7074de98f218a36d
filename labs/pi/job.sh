# Runs on the emulated Pi 3B.
cat /proc/device-tree/model; echo
cd /tmp; LG_WD=/tmp PYTHONPATH=/lab/code:/lab/deps python3 /lab/check.py
