"""CSV and other files as people have them, read into matrices and tables."""
