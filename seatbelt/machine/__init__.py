"""This machine: cache and home folders, installed packages."""
