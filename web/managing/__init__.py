"""Managing: brands, people, teams, the playbook, alerts, and the first steps."""
