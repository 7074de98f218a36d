"""What other programs are told: platforms of cities, alarm receiving centres, brokers. See docs/adapters.md."""
