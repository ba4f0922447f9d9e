"""The outside world: the one HTTP client, the registry, and one module or folder per platform. Knows nothing of archives."""
