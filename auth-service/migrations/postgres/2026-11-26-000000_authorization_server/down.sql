DROP TABLE audit;
DROP TABLE used_assertions;
DROP TABLE revocations;
DROP TABLE changes;

DROP INDEX one_key_a_generation;
UPDATE signing_keys SET state = 'PUBLISHED';
UPDATE signing_keys SET state = 'ACTIVE' WHERE kid IN (
    SELECT kid FROM signing_keys AS own WHERE generation = (
        SELECT MAX(generation) FROM signing_keys AS other WHERE other.algorithm = own.algorithm
    )
);
ALTER TABLE signing_keys DROP COLUMN generation;
ALTER TABLE signing_keys DROP COLUMN signs_from;

UPDATE clients SET secret_sha256 = COALESCE(
    (SELECT sha256 FROM client_secrets WHERE client_secrets.client_id = clients.client_id
        ORDER BY created_at DESC LIMIT 1),
    '');
DROP TABLE client_secrets;
DROP INDEX one_client_an_account;
ALTER TABLE clients DROP COLUMN from_file;
ALTER TABLE clients DROP COLUMN service_account;
ALTER TABLE clients DROP COLUMN keys;
ALTER TABLE clients DROP COLUMN serves;
ALTER TABLE clients DROP COLUMN exchange;
