"""Reports to look at and to pass on: the page as PDF, SVG and PNG, pictures of radiographs, the report as JSON.

What draws is imported on first use.
"""

from ecg_engine.report.json import radiograph_schema, report_json, report_schema, study_schema
from ecg_engine.report.page import render, render_bytes

__all__ = ["radiograph_schema", "render", "render_bytes", "report_json", "report_schema", "study_schema"]
