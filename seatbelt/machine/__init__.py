"""Where this machine keeps caches and home folders."""
