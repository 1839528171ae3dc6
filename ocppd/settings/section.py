"""What every section of the configuration has in common, and how secrets are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from ocppd.core.description import Tls


class Section(BaseModel):
    """A mapping of known keys, which does not change once it is read. Its numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


def _secret_in(path: object) -> object:
    """The content of the file without its last line break; what is no path is left for pydantic to judge."""
    if not isinstance(path, str | Path):
        return path
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if not text.strip():
        raise ValueError(f"{path} is empty")
    return SecretStr(text.removesuffix("\n"))


# Given as a path, held as what the file contained when the settings were read.
SecretFromFile = Annotated[
    SecretStr, BeforeValidator(_secret_in), WithJsonSchema({"type": "string", "format": "path"})
]


class WithPassword(Section):
    """A section with a secret, which stands in the settings or in a file of its own.

    A relative `password_file` is relative to the settings file that names it; in an environment variable,
    to the working directory.
    """

    password: SecretStr | None = None
    password_file: SecretFromFile | None = None

    @field_validator("password_file")
    @classmethod
    def _is_the_only_spelling(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is not None and info.data.get("password") is not None:
            raise ValueError("password is given too, and only one of them can be")
        return secret

    def secret(self) -> str | None:
        """The password in the clear, wherever it was given; None without one."""
        given = self.password or self.password_file
        return given.get_secret_value() if given else None


class TlsSettings(Section):
    """Paths of PEM files; a relative one is relative to the settings file that names it."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def describe(self) -> Tls:
        """The core's form of it."""
        return Tls(ca=self.ca, cert=self.cert, key=self.key)
