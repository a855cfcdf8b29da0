"""What can vary, as data: factors, levels and one module per study."""
