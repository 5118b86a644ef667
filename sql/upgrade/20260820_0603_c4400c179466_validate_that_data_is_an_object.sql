-- Validate that data is an object
--
-- revision  c4400c179466, after c1b8707a1827; one transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL; scanned

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE records VALIDATE CONSTRAINT ck_records_data_is_object;

UPDATE alembic_version
SET version_num = 'c4400c179466'
WHERE alembic_version.version_num = 'c1b8707a1827';

COMMIT;
