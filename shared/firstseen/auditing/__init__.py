"""Who may do what, who did, and what lies unused: what logs show of it, gathered in tables of bounded size. Pure."""
