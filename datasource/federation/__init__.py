"""Installations that join what they know without sharing what they measured: sums are told, and joined."""

from datasource.federation.client import SiteAddress, Sites
from datasource.federation.join import Joint, LeftOut, Member, Question, join_effect
from datasource.federation.offer import offer, told_sums
from datasource.federation.sums import Block, Column, Site, SumsError, column_of, read_site

__all__ = [
    "Block",
    "Column",
    "Joint",
    "LeftOut",
    "Member",
    "Question",
    "Site",
    "SiteAddress",
    "Sites",
    "SumsError",
    "column_of",
    "join_effect",
    "offer",
    "read_site",
    "told_sums",
]
