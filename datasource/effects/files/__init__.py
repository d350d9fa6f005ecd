"""One effect question about a file: columns, rows, design, answer."""
