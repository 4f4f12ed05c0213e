"""Slack: a bot that posts, keeps its messages up to date and takes answers; or, as the least, an incoming webhook.

blocks    a message as Slack shows it        calls     what came of a call, as one of our errors
bot       sends as a bot                     webhook   sends through an incoming webhook
actions   what people do from there          socket    hears them where Slack cannot reach us
"""

SCOPES = ("chat:write", "files:write", "channels:history", "groups:history")
"""What the bot asks a workspace for: to post, to upload charts, and to read its channels' history and threads."""

STEPS = (
    "At api.slack.com/apps choose Create New App, From a manifest, and paste the manifest of docs/slack.md.",
    "Install the app to your workspace, and copy the Bot User OAuth Token from OAuth & Permissions.",
    "In the channel that should hear alerts type /invite @Ripplewatch, and copy the channel's link from its menu.",
    "For buttons, copy the Signing Secret, or make an App-Level Token, from Basic Information.",
)
"""What to do on Slack's side first."""
