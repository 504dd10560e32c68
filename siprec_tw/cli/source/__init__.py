"""
A test client (SRC, RFC 7866): places SIPREC calls and sends their audio, exactly known.
"""
