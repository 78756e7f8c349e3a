"""Training: recipes, objectives, the loop, checkpoints."""
