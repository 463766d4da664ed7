"""What comes in by files: running loans, payments, and the lender's own workbooks."""
