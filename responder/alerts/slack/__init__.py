"""Slack: a bot that posts, keeps its messages up to date and takes answers; or, as the least, an incoming webhook."""
