"""A Python in which torch, timm and torchvision cannot be imported: the first lines of a script for a new process."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK_TORCH = """import sys
sys.modules.update(dict.fromkeys(("torch", "timm", "torchvision")))  # None: importing them raises ImportError"""
