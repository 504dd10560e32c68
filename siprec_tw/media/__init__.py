"""
RTP on sockets: port pool, swept ports, receivers, segment writers.
"""
