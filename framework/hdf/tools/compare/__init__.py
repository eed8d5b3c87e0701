"""What differs between runs: answers on the same images, recipes, and pictures of both."""
