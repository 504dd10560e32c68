"""
The recorder itself: calls, admission, and what each SIP request means to them.
"""
