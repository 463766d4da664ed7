"""The customer's side: his passbooks, in his language, on a cheap phone. Pages for customers; staff pages are views/."""
