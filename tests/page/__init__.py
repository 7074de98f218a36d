"""The page of the receiver: its pictures by numbers, its words, and the whole of it in a real browser."""
