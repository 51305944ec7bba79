"""Parts of a report that are the same for a recording and a radiograph."""

from __future__ import annotations

from typing import Any

from ecg_engine.types import Patient


def plain_patient(p: Patient) -> dict[str, Any]:
    """Return the patient in plain JSON types."""
    return {
        "id": p.id,
        "name": p.name,
        "birth_date": None if p.birth_date is None else p.birth_date.isoformat(),
        "age_years": p.age_years,
        "sex": p.sex,
        "pacemaker": p.pacemaker,
        "complaint": p.complaint,
        "drugs": list(p.drugs),
    }
