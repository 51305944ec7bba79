"""Everything DICOM: the only part that imports pydicom, and it does so late."""
