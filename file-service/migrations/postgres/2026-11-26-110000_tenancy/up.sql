-- A transaction sees the rows of the company that it is made for, and all of them only where it says so: the `where` of a
-- query may be forgotten.
ALTER TABLE files ENABLE ROW LEVEL SECURITY;
ALTER TABLE files FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON files
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));

ALTER TABLE loose_objects ENABLE ROW LEVEL SECURITY;
ALTER TABLE loose_objects FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON loose_objects
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));
