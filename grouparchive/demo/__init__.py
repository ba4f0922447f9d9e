"""The demonstration: a real homeserver on this machine and the whole story on it. Stands beside cli, at the top."""
