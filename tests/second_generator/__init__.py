"""An independent generator of synthetic lift recordings; it shares nothing with the first but the file format."""
