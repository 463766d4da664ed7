"""What can be wrong with a workbook. Every message names the thing and the way out, fit to be shown as it is."""


class WorkbookError(ValueError):
    """A workbook or a request that cannot be worked with; the base of the others."""


class UnsafeFile(WorkbookError):
    """Not a workbook that is safe to open: damaged, encrypted, with macros, or larger than the caps."""


class NotATracker(WorkbookError):
    """A sound workbook in which no tracker's sheet can be found, or terms that cannot be read."""


class CannotPatch(WorkbookError):
    """Changing this file in place could leave wrong figures in it: build it anew from its data, and say so."""


class InputError(WorkbookError):
    """A value that may not stand in an input cell; `cell` is None when it has none."""

    def __init__(self, reason: str, cell: str | None = None) -> None:
        super().__init__(f"{cell}: {reason}" if cell else reason)
        self.cell, self.reason = cell, reason
