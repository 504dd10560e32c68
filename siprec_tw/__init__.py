"""
A SIPREC session recording server (SRS) on Twisted: RFC 7866, RFC 7865.
"""

__version__ = "0.1.0"
