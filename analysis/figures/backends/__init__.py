"""Draw charts with plotly for pages and with matplotlib for print."""
