"""A supplier's file on its way into the supplier's catalog: kept, staged, looked at, applied."""

from purchasing.operations.catalogues.applying import (
    AnotherFileIsApplied,
    StoppedByGuards,
    apply_part,
    apply_supplier_file,
    begin_applying,
)
from purchasing.operations.catalogues.comparing import KIND, LINES_AT_ONCE
from purchasing.operations.catalogues.files import (
    FileCameBefore,
    ProfileCodeTaken,
    ProfileOfAnotherSupplier,
    discard_file,
    discard_supplier_file,
    read_received_file,
    receive_supplier_file,
    save_profile,
    take_back_file,
)
from purchasing.operations.catalogues.staging import stage_supplier_file

__all__ = [
    "KIND",
    "LINES_AT_ONCE",
    "AnotherFileIsApplied",
    "FileCameBefore",
    "ProfileCodeTaken",
    "ProfileOfAnotherSupplier",
    "StoppedByGuards",
    "apply_part",
    "apply_supplier_file",
    "begin_applying",
    "discard_file",
    "discard_supplier_file",
    "read_received_file",
    "receive_supplier_file",
    "save_profile",
    "stage_supplier_file",
    "take_back_file",
]
