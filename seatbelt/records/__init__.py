"""The contracts between writers and readers: tables, identities and the description of a sweep."""
