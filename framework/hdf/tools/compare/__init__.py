"""What differs between finished runs: boxes on the same images, recipes, and the images themselves.

`paired` compares true box by true box, `compare` whole runs, and `html` writes the page.
"""
