"""What `dvc exp run -S` makes of our overrides is the value that was meant."""

from hypothesis import given
from hypothesis import strategies as st

from pgpipe.experiments.queue import literal, overrides

# Hydra refuses line breaks, and resolves ${}, which params.yaml has none of.
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"), exclude_characters="$")
)


def parsed(override: str) -> object:
    from dvc.utils.hydra import to_hydra_overrides

    return to_hydra_overrides([override])[0].value()


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(TEXTS | NUMBERS | st.booleans() | st.none())
def test_values_come_back(value: object) -> None:
    back = parsed(f"++key={literal(value)}")
    assert back == value
    assert type(back) is type(value)


def test_only_what_differs_is_named() -> None:
    old = {"a": 1, "b": {"c": 1, "d": 2.0}, "e": {"f": 1}, "g": True}
    new = {"a": 1, "b": {"c": 1, "d": 2}, "g": 1, "h": {"i": "x", "j": [1, None]}}
    assert list(overrides(old, new)) == ["~e", "++b.d=2", "++g=1", "++h={i:'x',j:[1,null]}"]
