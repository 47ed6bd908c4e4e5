"""What `make demo` and `make bench-…` run. They use the product as an operator does: by `lpm`."""
