"""The control store: SQLAlchemy 2 (async) on SQLite or PostgreSQL, one schema, one set of migrations."""
