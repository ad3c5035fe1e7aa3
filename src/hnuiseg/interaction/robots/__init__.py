"""Robot users, one a file; their names are in `interaction/simulate.py`."""
