-- Give every workspace a slug
--
-- revision    4769c700cf0e, after 54809042e12d; no transaction
-- workspaces  ROW EXCLUSIVE: blocks nothing; rows changed

SET default_transaction_read_only = on;

DO $$ DECLARE present text[]; BEGIN
    present := ARRAY(SELECT version_num FROM alembic_version ORDER BY version_num COLLATE "C");
    IF NOT present @> ARRAY['54809042e12d']::text[] THEN
        RAISE 'This file is for a database at 54809042e12d, and this one is at %.',
            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');
    END IF;
    RESET default_transaction_read_only;
END $$;

DO $backfill$
#variable_conflict use_column
-- Batch after batch, each committed. Interrupted, it goes on where it was when it is run again; two
-- at once take turns. Its position is in a table next to the one that it fills.
<<backfill_d539ed0e>>
DECLARE
    batch bigint := 1;  -- rows; the first shows what a batch costs at least
    total bigint := 0;
    here record;
    there record;
    done record;
    first_pass integer;
    is_new_pass boolean := true;
    is_idle boolean := false;
    is_last boolean;
    is_held_up boolean;
    began timestamptz;
    last_success timestamptz := clock_timestamp();
    took_ms double precision;
    fastest_ms double precision;
BEGIN
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        SET LOCAL citus.propagate_set_commands = 'local';  -- of a cluster: nothing elsewhere
        SET LOCAL citus.multi_shard_modify_mode = 'sequential';
        SET LOCAL row_security = off;  -- an error where rows would be hidden
        IF is_new_pass THEN
            EXIT WHEN NOT EXISTS (SELECT 1 FROM workspaces WHERE slug IS NULL LIMIT 1);
            IF is_idle THEN
                RAISE 'rows of workspaces match, but a complete pass has changed none: a trigger or '
                    'a rule prevents it';
            END IF;
            BEGIN
                CREATE TABLE IF NOT EXISTS backfill_workspaces_d539ed0e AS
                SELECT workspaces.id AS key_1, 1 AS pass, 0::bigint AS passed, 0::bigint AS changed
                FROM workspaces ORDER BY workspaces.id LIMIT 1;
            EXCEPTION WHEN unique_violation OR duplicate_table OR duplicate_object THEN
                NULL;  -- another one began at this very moment
            END;
            is_new_pass := false;
            CONTINUE;
        END IF;
        is_held_up := false;
        SET LOCAL plan_cache_mode = force_custom_plan;
        SET LOCAL lock_timeout = '100ms';
        BEGIN
            BEGIN
                SELECT * INTO here FROM backfill_workspaces_d539ed0e FOR UPDATE;
            EXCEPTION WHEN undefined_table THEN
                EXIT;  -- another one has finished it
            END;
            EXIT WHEN NOT FOUND;  -- there was no row when it began
            first_pass := coalesce(first_pass, here.pass);
            IF here.pass >= first_pass + 5 THEN
                RAISE 'rows of workspaces that need the backfill are written as fast as it goes';
            END IF;
            SELECT workspaces.id AS key_1 INTO there FROM workspaces
            WHERE backfill_d539ed0e.here.key_1 IS NULL OR (workspaces.id) >= (backfill_d539ed0e.here.key_1)
            ORDER BY workspaces.id OFFSET backfill_d539ed0e.batch LIMIT 1;
            is_last := NOT FOUND;
            IF NOT is_last AND NOT (there IS NOT NULL) THEN
                RAISE 'the key of workspaces has a null: name a key without';
            END IF;
            began := clock_timestamp();
            WITH updated AS (
                UPDATE workspaces
                SET
                    slug = ltrim(regexp_replace(lower(name || '-' || id), '[^a-z0-9]+', '-', 'g'), '-')
                WHERE (backfill_d539ed0e.here.key_1 IS NULL OR (workspaces.id) >= (backfill_d539ed0e.here.key_1))
                    AND (backfill_d539ed0e.is_last OR (workspaces.id) < (backfill_d539ed0e.there.key_1))
                    AND (slug IS NULL)
                RETURNING (slug IS NULL) AS is_left
            )
            SELECT count(*) AS changed, count(*) FILTER (WHERE is_left) AS remaining INTO done
            FROM updated;
            IF done.remaining > 0 THEN
                RAISE 'rows of workspaces would be changed for ever: they match afterwards too';
            END IF;
            IF is_last THEN
                is_idle := here.changed + done.changed = 0;
                UPDATE backfill_workspaces_d539ed0e SET key_1 = NULL, pass = pass + 1, passed = 0, changed = 0;
            ELSE
                UPDATE backfill_workspaces_d539ed0e SET key_1 = backfill_d539ed0e.there.key_1,
                    passed = passed + backfill_d539ed0e.batch, changed = changed + backfill_d539ed0e.done.changed;
            END IF;
            is_new_pass := is_last;
            total := total + done.changed;
            last_success := clock_timestamp();
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            is_held_up := true;
            IF clock_timestamp() - last_success > interval '600 s' THEN
                RAISE;
            END IF;
        END;
        is_held_up := is_held_up OR EXISTS (
            SELECT FROM pg_locks AS waiting
            WHERE NOT waiting.granted AND pg_backend_pid() = ANY(pg_blocking_pids(waiting.pid))
        );
        COMMIT;
        took_ms := greatest(1, extract(epoch FROM clock_timestamp() - began) * 1000);
        IF is_held_up THEN
            batch := greatest(1, batch / 2);
            PERFORM pg_sleep(100 / 1000.0);
        ELSE
            fastest_ms := least(fastest_ms, took_ms);
            batch := batch * least(2, greatest(0.5, (fastest_ms + 100) / took_ms));
            batch := least(100000, greatest(1, batch));
            PERFORM pg_sleep(took_ms / 10000);
        END IF;
    END LOOP;
    COMMIT;
    SET LOCAL client_min_messages = warning;  -- the table need not be there
    DROP TABLE IF EXISTS backfill_workspaces_d539ed0e;
    COMMIT;
    RAISE NOTICE 'workspaces: % rows changed', total;
END
$backfill$;

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '4769c700cf0e'
WHERE alembic_version.version_num = '54809042e12d';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('4769c700cf0e', 'upgrade', 'aaeb61fa88ac6415');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
