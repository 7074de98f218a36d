"""The Debian package: what it is locked to, and how it fares in a booted Debian."""
