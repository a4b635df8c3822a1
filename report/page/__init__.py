"""The page: one run as one HTML file that needs no network."""

from synaptile.report.page.compare import write_comparison_page
from synaptile.report.page.write import page_text, write_page

__all__ = ["page_text", "write_comparison_page", "write_page"]
