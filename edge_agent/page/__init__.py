"""The installer's page: a small web server of its own, on for half an hour, and what it shows and does."""
