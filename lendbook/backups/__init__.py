"""Backups of a whole instance while people work, and what is made of them: archives, a schedule, a restored instance.

contents.py says what goes in, database.py takes the database at one moment, archive.py (pure) writes and distrusts
archives, make.py does all of it, keep.py (pure) says which archives stay, restore.py goes the way back.
"""
