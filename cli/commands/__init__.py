"""One file for each group of `medpay` commands."""
