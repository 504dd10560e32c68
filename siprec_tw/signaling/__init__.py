"""
SIP on sockets: transports, the transaction runner, the dispatcher.
"""
