"""Drafts: replies worth sending, found in the playbook and in what was answered before, reworded if one likes."""
