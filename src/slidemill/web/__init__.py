"""What every server has: who may ask, how much, and how it starts and ends. It knows nothing of what is served."""
