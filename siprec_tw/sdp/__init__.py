"""
RFC 8866 session descriptions, and the answer of a recorder to an offer.
"""
