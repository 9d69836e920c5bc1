"""A deployment of the template, from an event to its alert."""
