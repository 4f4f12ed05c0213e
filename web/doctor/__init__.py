"""Examines an installation and says, in words that a person can act on, what is well and what is not.

Nothing here changes anything: no folder is made, no database migrated, no file written that is not gone at once.
"""

from web.doctor.examine import examine
from web.doctor.finding import Finding

__all__ = ["Finding", "examine"]
