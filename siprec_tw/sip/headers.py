"""
The structured header fields in one place: each has its own module, and its name here.
"""

from siprec_tw.sip.cseq import CSEQ_LIMIT, CSeq, parse_cseq
from siprec_tw.sip.lists import list_items, parse_tokens, split_list
from siprec_tw.sip.media_type import MediaType, parse_media_type
from siprec_tw.sip.name_addr import NameAddr, parse_contacts, parse_name_addr, parse_name_addr_list
from siprec_tw.sip.parameters import (
    Parameters,
    has_parameter,
    parameter,
    parse_parameters,
    quoted,
    unquoted,
    with_parameter,
    without_parameter,
    write_parameters,
)
from siprec_tw.sip.via import MAGIC_COOKIE, Via, parse_via, parse_vias, top_via

__all__ = [
    "CSEQ_LIMIT",
    "MAGIC_COOKIE",
    "CSeq",
    "MediaType",
    "NameAddr",
    "Parameters",
    "Via",
    "has_parameter",
    "list_items",
    "parameter",
    "parse_contacts",
    "parse_cseq",
    "parse_media_type",
    "parse_name_addr",
    "parse_name_addr_list",
    "parse_parameters",
    "parse_tokens",
    "parse_via",
    "parse_vias",
    "quoted",
    "split_list",
    "top_via",
    "unquoted",
    "with_parameter",
    "without_parameter",
    "write_parameters",
]
