"""Writers of a report: HTML, Markdown and PDF."""
