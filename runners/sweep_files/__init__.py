"""The durable state of one sweep: its folder, ledger, tables, weights and lease."""
