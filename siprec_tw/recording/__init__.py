"""
What a recording is: journal, segments, timeline, tracks, manifest. No files, no clocks.
"""
