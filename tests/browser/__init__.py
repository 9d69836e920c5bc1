"""What a real browser makes of the pages that the command writes."""
