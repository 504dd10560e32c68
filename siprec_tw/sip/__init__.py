"""
RFC 3261 without sockets or clocks: messages, transactions and dialogs as values and machines.
"""
