"""Platforms on 127.0.0.1, each as far as we use it: what their own documentation says, and the traps besides."""
