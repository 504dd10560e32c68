"""
Files and the index: spool, finalisation, recovery, the recordings index.
"""
