"""`medpay simulator`: the insurance centre or HIS, for practice."""
