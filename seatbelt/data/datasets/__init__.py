"""Data-set folders: manifest, images, masks, labels, and checks of them."""
