#!/bin/bash
# Inside a Debian of either processor: every recording of /golden through the installed package, one line a conclusion
# and one a change in the state of the car.
exec python3 -sP /opt/lift-edge-agent/bin/edge-agent replay --json --trace /golden
