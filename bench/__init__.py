"""
Drivers and checks that load a real server: for tests, for long runs, for measurements.
"""
