"""
Payload formats and their way to PCM.
"""
