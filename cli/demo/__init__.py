"""`medpay demo`: real payments through the HTTP API, each checked against what the other parties say."""
