"""What e-mails say: read by listener/sources/email.py, which fetches them."""
