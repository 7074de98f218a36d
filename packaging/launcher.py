#!/usr/bin/python3 -sP
"""`edge-agent` as installed from the Debian package: the system's Python with the package's own libraries first."""

import sys

sys.dont_write_bytecode = True
sys.path.insert(0, "/opt/lift-edge-agent/lib")

from edge_agent.__main__ import main  # noqa: E402

sys.exit(main())
