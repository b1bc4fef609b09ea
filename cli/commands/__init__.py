"""The `medpay` commands, a file for each group."""
