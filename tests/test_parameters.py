"""Every number of params.yaml has two bounds, which docs/parameters.md states and `check` holds."""

import math

import pytest
import schema
from schema import Number
from tinyparams import with_values

from pgpipe.errors import UsageError
from stages import check

NUMBERS = {number.path: number for number in schema.numbers()}
HUGE = (10**30, 10**400, 10**5000, -(10**400))


def test_every_number_has_two_bounds() -> None:
    assert len(NUMBERS) > 50
    assert not [path for path, n in NUMBERS.items() if n.least is None or n.most is None]


def test_the_page_of_parameters_states_them() -> None:
    assert schema.table() in schema.PAGE.read_text(), "run: python tests/schema.py"


def beyond(number: Number) -> list[float]:
    """One step beyond each bound, and far away."""
    assert number.least is not None
    assert number.most is not None
    if number.whole:
        return [number.least - 1, number.most + 1, *HUGE]
    return [
        math.nextafter(number.least, -math.inf),
        math.nextafter(number.most, math.inf),
        *(1e308, -1e308, *HUGE),
    ]


def said(path: str, value: float) -> str:
    """What `check` says of the valid parameters but for this number."""
    try:
        check.check(with_values(**{path.replace("rN", "r8").replace(".", "__"): value}), "p")
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", NUMBERS)
def test_one_step_beyond_a_bound_is_refused_in_one_line_that_names_it(path: str) -> None:
    for value in beyond(NUMBERS[path]):
        line = said(path, value)
        assert line.startswith(f"p: {path.replace('rN', 'r8')}: "), line
        assert line.isprintable()
        assert len(line) < 300


@pytest.mark.parametrize("path", NUMBERS)
def test_a_bound_itself_is_within(path: str) -> None:
    """It may not fit the other parameters, whose reasons are others."""
    number = NUMBERS[path]
    for value in (number.least, number.most):
        assert value is not None
        line = said(path, value if number.whole else float(value))
        assert f"is not >= {number.least}" not in line
        assert f"is not <= {number.most}" not in line
        assert "neither auto nor" not in line
