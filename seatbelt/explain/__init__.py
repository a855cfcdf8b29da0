"""What a trained network looks at (thesis, section 3.4): occlusion saliency and guided backpropagation."""
