"""A database compared with its revisions: drift, and the stamp that needs the comparison."""

from pybase.migrate.deploy._drift._drift import drift as drift
from pybase.migrate.deploy._drift._stamp import stamp as stamp
