"""Bank statements: bytes in, rows with rejected rows and balance gaps out. Pure: knows no Django and no database.

One small module per bank layout beside detect.py; read.py is the door.
"""

from expenses.statements.errors import Proposal, StatementError, UnknownLayout
from expenses.statements.read import ParsedStatement, StatementRow, propose_mapping, read_statement
from expenses.statements.rows import RejectedRow

__all__ = [
    "ParsedStatement",
    "Proposal",
    "RejectedRow",
    "StatementError",
    "StatementRow",
    "UnknownLayout",
    "propose_mapping",
    "read_statement",
]
