"""
Makes ``twistd siprec`` known to Twisted.
"""

from twisted.application.service import ServiceMaker

siprec = ServiceMaker(
    "siprec_tw",
    "siprec_tw.tap",
    "A SIPREC session recording server (RFC 7866).",
    "siprec",
)
