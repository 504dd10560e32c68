"""
The siprec command.
"""
