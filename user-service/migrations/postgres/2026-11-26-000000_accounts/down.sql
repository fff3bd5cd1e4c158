DROP TABLE login_ends;
DROP TABLE mail_outbox;
DROP TABLE identities;
DROP TABLE companies;
-- The version before knows nobody without an address, and nobody whose account is closed.
DELETE FROM users WHERE email IS NULL OR closed_at IS NOT NULL;
DROP INDEX users_to_erase;
DROP INDEX users_by_email_digest;
ALTER TABLE users
    DROP COLUMN erased_at,
    DROP COLUMN closed_at,
    DROP COLUMN email_digest,
    DROP COLUMN credentials_version,
    DROP COLUMN password_hash,
    DROP COLUMN provider,
    ALTER COLUMN email SET NOT NULL;
