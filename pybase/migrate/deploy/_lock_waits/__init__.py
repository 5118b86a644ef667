"""Waits for locks: short ones that are tried again, long ones whose blockers are reported."""

from pybase.migrate.deploy._lock_waits._retry import RETRIED, LockRetry, OutOfTimeError

__all__ = ["RETRIED", "LockRetry", "OutOfTimeError"]
