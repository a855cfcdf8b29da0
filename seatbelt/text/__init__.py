"""What people read: safe to print, and worded the same everywhere."""
