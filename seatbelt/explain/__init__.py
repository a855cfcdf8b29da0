"""Explanations of a trained network (thesis, section 3.4): occlusion saliency and guided backpropagation."""
