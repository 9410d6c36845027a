"""Lets schemathesis ask for things that are there as often as for things that are not."""

import json
import os

import schemathesis
from hypothesis import strategies as st

ULID = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)

for name, there in json.loads(os.environ["CARILLON_THERE"]).items():
    elsewhere = st.builds("c:{}".format, ULID) if name == "topic" else ULID
    schemathesis.openapi.format(name, st.sampled_from(there) | elsewhere)
