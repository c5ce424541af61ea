"""Structs from environment variables."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import Struct

T = TypeVar("T", bound=Struct)


def is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


def read(kind: type[T], environ: Mapping[str, str], prefix: str, faults: list[str]) -> T | None:
    """The values of a struct, and of those in it, by their path (`DATABASE__POOL_SIZE`). What does not fit becomes a fault, a sentence."""
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    required = {f.name for f in msgspec.structs.fields(kind) if f.required}
    before = len(faults)
    for name in kind.__struct_fields__:
        path = f"{prefix}{name.upper()}"
        if is_struct(hints[name]):
            values[name] = read(hints[name], environ, f"{path}__", faults)
        elif name in required and not environ.get(path):
            faults.append(f"{path} is {'empty' if path in environ else 'not set'} and has no default.")
        elif path in environ:
            values[name] = _value(environ[path], hints[name], path, faults)
    return kind(**values) if len(faults) == before else None


def _value(text: str, hint: Any, path: str, faults: list[str]) -> Any:
    try:
        if hint is str:
            return text
        if hint in (int, float, bool):
            return msgspec.convert(text, hint, strict=False)
        return msgspec.json.decode(text, type=hint)
    except msgspec.MsgspecError as wrong:
        faults.append(f"{path} does not fit: {wrong}.")
        return None
