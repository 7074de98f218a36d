"""Hardware simulator: truth of a lift, its sensors, byte-level buses and stories."""
