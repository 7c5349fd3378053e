"""Pictures and words of the same graph. May import every other room; none imports it."""
