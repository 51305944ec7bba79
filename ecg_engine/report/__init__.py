"""Reports to look at and to pass on: the page as PDF, SVG and PNG, the report as JSON.

What draws is imported on first use.
"""

from ecg_engine.report.json import report_json, report_schema
from ecg_engine.report.page import render, render_bytes

__all__ = ["render", "render_bytes", "report_json", "report_schema"]
