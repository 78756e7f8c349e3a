"""Drawing with trained generators and nothing else: the same pictures from less work."""
