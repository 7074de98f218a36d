"""The guides hold what they say: commands, links, pins and quoted sentences."""
