"""What stands in a scene: the cabin, the persons and their belts, the lights."""
