-- SQLite has no row-level security; the name is kept, so that both databases have the same list of migrations.
SELECT 1;
