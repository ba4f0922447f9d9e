"""People: whom to reach, who decided it, and what was sent. Knows members by id; handles pass through memory only."""
