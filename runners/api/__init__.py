"""What a user asks for, from Python, a request file or the command line, and the handle of a running sweep."""
