"""
The HTTP face: health, metrics, calls, recordings.
"""
