"""The lift edge agent: watches one lift, tells the people who come and help. It only observes."""
