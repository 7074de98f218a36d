#!/bin/bash
# By chroot in a root before it boots read-only: what a maker of images does. The package and its settings, and the place
# where the partition of the box is mounted. Nothing of the agent has run yet.
set -e
dpkg -i /first.deb >/dev/null
mv /config.toml /etc/lift-edge-agent/config.toml
rm /first.deb
mkdir /box  # the lab's own
mkdir -p /var/lib/systemd/linger  # Debian's own logind does not start without
