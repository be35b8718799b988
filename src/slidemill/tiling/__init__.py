"""From a slide to its tissue tiles."""
