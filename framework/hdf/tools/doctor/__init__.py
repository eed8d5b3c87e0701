"""What this machine has of all that hdf needs or could use, and what to do about the rest."""
