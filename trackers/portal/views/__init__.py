"""The pages of the customer's side, by subject."""
