"""What every section of the configuration has in common, and how secrets are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from ocppd.core.description import Tls
from ocppd.core.endpoint import Trust
from ocppd.pem import PemError, check_key, check_pair, read_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocppd.settings.check import Problem


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
    """A section with a secret, which stands in the settings or in a file of its own."""

    password: SecretStr | None = Field(None, description="The password itself.")
    password_file: SecretFromFile | None = Field(
        None,
        description="A file with the password; relative to the settings file that names it, or, in an "
        "environment variable, to the working directory.",
    )

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


class CertificateFile(str):
    """The path of a PEM file and the certificates that it held when the settings were read."""

    __slots__ = ("pem",)
    pem: str


def _certificates_in(path: object) -> object:
    """The file of that path; what is no path is left for pydantic to judge."""
    if not isinstance(path, str) or isinstance(path, CertificateFile):
        return path
    file = CertificateFile(path)
    try:
        file.pem = read_certificates(path)
    except PemError as error:
        raise ValueError(f"{path} {error}") from None
    return file


class KeyFile(str):
    """The path of a PEM file that held a private key when the settings were read."""

    __slots__ = ()


def _with_a_key(path: object) -> object:
    """The file of that path; what is no path is left for pydantic to judge."""
    if not isinstance(path, str) or isinstance(path, KeyFile):
        return path
    try:
        check_key(path)
    except PemError as error:
        raise ValueError(f"{path} {error}") from None
    return KeyFile(path)


# Read where it is given, and not again where settings are laid over one another.
_PATH = WithJsonSchema({"type": "string", "format": "path"})
CertificatesFromFile = Annotated[InstanceOf[CertificateFile], BeforeValidator(_certificates_in), _PATH]
KeyInFile = Annotated[InstanceOf[KeyFile], BeforeValidator(_with_a_key), _PATH]


class TlsSettings(Section):
    """Paths of PEM files; a relative one is relative to the settings file that names it."""

    ca: CertificatesFromFile | None = Field(
        None, description="The roots to trust, and no others; without it, those of the operating system."
    )
    cert: CertificatesFromFile | None = Field(
        None, description="One's own certificate, and the chain above it."
    )
    key: KeyInFile | None = Field(None, description="Its private key, without a password.")

    def describe(self) -> Tls:
        """The core's form of it."""
        return Tls(
            ca=self.ca and str(self.ca),
            cert=self.cert and str(self.cert),
            key=self.key and str(self.key),
            roots=self.ca.pem if self.ca else None,
            chain=self.cert.pem if self.cert else None,
        )

    def trust(self) -> Trust:
        """What a connection of the daemon itself goes by."""
        tls = self.describe()
        return Trust(roots=tls.roots, chain=tls.chain, key=tls.key)

    def unmet(self) -> Iterator[Problem]:
        """A certificate without its key, or a key without its certificate."""
        if self.cert and not self.key:
            yield ("key",), f"is needed for the certificate in {self.cert}"
        elif self.key and not self.cert:
            yield ("cert",), f"is needed for the key in {self.key}"
        elif self.cert and self.key:
            try:
                check_pair(self.cert.pem, self.key)
            except PemError as error:
                yield ("key",), f"{self.key} {error}"
