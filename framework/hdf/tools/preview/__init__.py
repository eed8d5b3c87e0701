"""A picture of what the network will see, made without a model."""
