"""Objects of a scene: the cabin, the occupants and their belts, the lights."""
