"""Draw any record that a store must give back as it was."""

from __future__ import annotations

from hypothesis import strategies as st

from watchword.model.credential import Credential, Kind
from watchword.model.records import Event, Subject
from watchword.model.verdict import Rate

__all__ = ["credentials", "events", "subjects"]

_integers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
_versions = st.integers(min_value=1, max_value=2**62)
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
_any_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)  # NUL too: inside JSON it is escaped
_keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
_details = st.dictionaries(
    _any_texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _any_texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_any_texts, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
_optional = st.none() | _integers
_optional_text = st.none() | _texts

credentials = st.builds(
    Credential,
    id=_keys,
    kind=st.sampled_from(Kind),
    subject=_keys,
    created_at=_integers,
    scopes=st.frozensets(_any_texts, max_size=3),
    lookup=st.none() | st.binary(max_size=40),
    secret=st.binary(max_size=200),
    networks=st.lists(_any_texts, max_size=3).map(tuple),
    limit=st.none() | st.builds(Rate, _integers, _integers),
    not_before=_optional,
    expires_at=_optional,
    retire_at=_optional,
    replaces=_optional_text,
    replaced_by=_optional_text,
    revoked_at=_optional,
    revoked_by=_optional_text,
    revoke_reason=_optional_text,
    leaked=st.booleans(),
    last_used_at=_optional,
    detail=_details,
    version=_versions,
)
subjects = st.builds(
    Subject, name=_keys, created_at=_integers, disabled_at=_optional, detail=_details, version=_versions
)
_words = st.text(max_size=20)
events = st.builds(
    Event,
    at=st.floats(allow_nan=False, allow_infinity=False),
    action=_words,
    outcome=_words,
    reason=_words,
    reference=_words,
    scheme=_words,
    credential=_words,
    subject=_words,
    actor=_words,
    method=_words,
    path=_words,
    address=_words,
    detail=_words,
)
