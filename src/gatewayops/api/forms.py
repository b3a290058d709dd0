"""What a form of ours sends: read within bounds, into the shapes that the API has too."""

from typing import TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ValidationError

from gatewayops.base.errors import InvalidInput

Shape = TypeVar("Shape", bound=BaseModel)


def read(shape: type[Shape], given: dict[str, str]) -> Shape:
    """The form as that shape; raises InvalidInput that names a field."""
    try:
        return shape(**{name: text for name, text in given.items() if name in shape.model_fields})
    except ValidationError as error:
        fault = error.errors()[0]
        msg = f"form: {fault['loc'][0]}: {fault['msg']}"
        raise InvalidInput(msg) from error


async def fields(request: Request) -> dict[str, str]:
    """A form's fields; nothing for a body of another kind."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        return {}
    try:
        pairs = parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        msg = "form: cannot be read"
        raise InvalidInput(msg) from error
    return dict(pairs)
