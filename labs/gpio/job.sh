# Runs inside the machine: a GPIO chip of 54 lines whose inputs are driven through sysfs.
modprobe configfs; mount -t configfs none /sys/kernel/config; modprobe gpio-sim
c=/sys/kernel/config/gpio-sim/lab; mkdir -p $c/bank0
echo 54 > $c/bank0/num_lines; echo pinctrl-bcm2835 > $c/bank0/label; echo 1 > $c/live
cd /tmp; LG_WD=/tmp PYTHONPATH=/lab/code:/lab/deps python3 /lab/check.py
