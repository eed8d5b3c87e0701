"""The run folder, what is written into it, and what people see while it fills."""
