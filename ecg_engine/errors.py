"""The one drawn tree of exceptions.

::

    EcgEngineError
    ├── InputError (ValueError)                  an argument is wrong
    │   └── SignalError                          the samples cannot be analysed
    ├── FormatError                              a file is not what it says
    │   ├── UnknownFormatError                   no reader knows it
    │   ├── CorruptFormatError                   a reader knows it, the content is broken
    │   └── UnsupportedFormatError               valid, but not something this version reads or writes
    ├── FetchError                               a reference set cannot be had from its publisher
    ├── ModelError                               weights missing, or card and graph disagree
    └── MissingDependencyError (ImportError)     names the extra to install

A message says what, where and how to mend; the same facts are attributes, so that a service can build its
reply without parsing text. No message quotes patient data.
"""

from __future__ import annotations

from os import PathLike, fspath

__all__ = [
    "CorruptFormatError",
    "EcgEngineError",
    "FetchError",
    "FormatError",
    "InputError",
    "MissingDependencyError",
    "ModelError",
    "SignalError",
    "UnknownFormatError",
    "UnsupportedFormatError",
]


class EcgEngineError(Exception):
    """Base of everything this package raises on purpose."""


class InputError(EcgEngineError, ValueError):
    """An argument is wrong.

    Parameters
    ----------
    message : str
        What, where and how to mend.
    argument : str, optional
        Name of the argument at fault.
    """

    def __init__(self, message: str, *, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument


class SignalError(InputError):
    """The samples cannot be analysed.

    Parameters
    ----------
    message : str
        What, where and how to mend.
    lead : str, optional
        Name of the lead at fault.
    argument : str, optional
        Name of the argument at fault.
    """

    def __init__(self, message: str, *, lead: str | None = None, argument: str | None = None) -> None:
        super().__init__(message, argument=argument)
        self.lead = lead


class FormatError(EcgEngineError):
    """A file is not what it says.

    Parameters
    ----------
    message : str
        What, where and how to mend; the path is put in front of it.
    path : str or PathLike, optional
        The file at fault.
    lead : str, optional
        The lead at fault.
    offset : int, optional
        Byte offset of the fault.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | PathLike[str] | None = None,
        lead: str | None = None,
        offset: int | None = None,
    ) -> None:
        self.path = None if path is None else fspath(path)
        self.lead = lead
        self.offset = offset
        self.detail = message
        super().__init__(f"{self.path}: {message}" if self.path is not None else message)


class UnknownFormatError(FormatError):
    """No reader knows this content or suffix."""


class CorruptFormatError(FormatError):
    """A reader knows the format, but the content is broken."""


class UnsupportedFormatError(FormatError):
    """Valid, but not something this version reads or writes."""


class FetchError(EcgEngineError):
    """A reference set cannot be had: no network, a list that is none, a connection that is lost for good."""


class ModelError(EcgEngineError):
    """A model's weights are missing, or its card and its graph disagree."""


class MissingDependencyError(EcgEngineError, ImportError):
    """An optional dependency is absent.

    Parameters
    ----------
    what : str
        What needs it.
    extra : str
        The extra that installs it.
    """

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f"{what} needs an optional dependency; install it with: pip install 'ecg_engine[{extra}]'")
        self.extra = extra
