"""Where a rupee belongs: what narrations say, rules, memory, what is learned, and corrections."""
