"""The sealed SQLite file: making it, appending to it, reading, checking and folding it. Knows records, no platform."""
