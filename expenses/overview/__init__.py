"""Where the money went: kept sums, the dashboard's figures and page, and the selection that each bar opens."""
