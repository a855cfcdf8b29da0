"""One driver's life: from the recorded history to the end of a session."""
