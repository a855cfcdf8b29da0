"""The trial configuration: frozen, validated records, and how they are written."""
