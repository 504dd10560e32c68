"""
Secure RTP (RFC 3711): profiles, keying by SDES, and protection of packets, one at a time or a sweep at once.
"""
