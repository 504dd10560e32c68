"""
RFC 7865 recording metadata: every dialect into one model.
"""
