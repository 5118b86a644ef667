-- Undo: Index the trash
--
-- revision  8ff06cbec855, back to 0845be6841a8; no transaction
-- records   SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

DROP INDEX CONCURRENTLY IF EXISTS ix_records_base_id_table_id_deleted_at;

UPDATE alembic_version
SET version_num = '0845be6841a8'
WHERE alembic_version.version_num = '8ff06cbec855';
