# Runs inside the machine: the code on a disk of its own, and an ext4 disk whose write cache forgets (hand.py).
[ "$(cat /sys/block/vdc/queue/write_cache)" = "write back" ] || { echo "the kernel sees no write cache"; exit 1; }
mkdir -p /mnt/code /mnt/power
mount -t ext4 -o ro /dev/vdb /mnt/code && mount -t ext4 /dev/vdc /mnt/power || exit 1
cd /tmp; PYTHONPATH=/mnt/code/code:/mnt/code/deps python3 /lab/writer.py
