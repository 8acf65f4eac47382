"""One process with threads: SQLite has one writer, and the login limits are counted in memory."""

workers = 1
threads = 8
timeout = 30
graceful_timeout = 20
loglevel = "info"
