-- Undo: Give every workspace a slug
--
-- revision    4769c700cf0e, back to 54809042e12d; no transaction
-- workspaces  ROW EXCLUSIVE: blocks nothing; rows changed
-- loses       values of workspaces.slug

DO $backfill$
-- Batch after batch, each committed. Interrupted, it goes on where it was when it is run again;
-- two at once take turns. backfill_workspaces_a9c033ea tells where it is.
DECLARE
    batch bigint := 1000;  -- rows
    total bigint := 0;
    here record;
    there record;
    done record;
    is_new_pass boolean := true;
    is_last boolean;
    is_held_up boolean;
    began timestamptz;
    last_success timestamptz := clock_timestamp();
    took_ms double precision;
BEGIN
    LOOP
        IF is_new_pass THEN
            EXIT WHEN NOT EXISTS (SELECT FROM workspaces WHERE right(slug, 36) = id::text);
            BEGIN
                CREATE TABLE IF NOT EXISTS backfill_workspaces_a9c033ea AS
                SELECT id, 1 AS pass, 0::bigint AS passed FROM workspaces
                ORDER BY id LIMIT 1;
            EXCEPTION WHEN unique_violation OR duplicate_table THEN
                NULL;  -- another one began at this very moment
            END;
            is_new_pass := false;
            COMMIT;
        END IF;
        began := clock_timestamp();
        is_held_up := false;
        PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
        PERFORM set_config('lock_timeout', '100ms', true);
        BEGIN
            BEGIN
                SELECT * INTO here FROM backfill_workspaces_a9c033ea FOR UPDATE;
            EXCEPTION WHEN undefined_table THEN
                EXIT;  -- another one has finished it
            END;
            EXIT WHEN here.pass IS NULL;
            IF here.pass > 5 THEN
                RAISE 'rows of workspaces that need the backfill are written as fast as it goes';
            END IF;
            SELECT id INTO there FROM workspaces
            WHERE (id) >= (here.id)
            ORDER BY id OFFSET batch LIMIT 1;
            is_last := NOT FOUND;
            WITH changed AS (
                UPDATE workspaces
                SET
                    slug = NULL
                WHERE (id) >= (here.id)
                    AND (is_last OR (id) < (there.id))
                    AND (right(slug, 36) = id::text)
                RETURNING (right(slug, 36) = id::text) AS is_left
            )
            SELECT count(*) AS rows, count(*) FILTER (WHERE is_left) AS left INTO done
            FROM changed;
            IF done.left > 0 THEN
                RAISE 'rows of workspaces would be changed for ever: they match afterwards too';
            END IF;
            IF is_last THEN
                UPDATE backfill_workspaces_a9c033ea SET (id, pass, passed) = (
                    SELECT id, here.pass + 1, 0 FROM workspaces ORDER BY id LIMIT 1
                );
            ELSE
                UPDATE backfill_workspaces_a9c033ea SET (id, passed) = ROW(there.id, passed + batch);
            END IF;
            is_new_pass := is_last;
            total := total + done.rows;
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
            batch := batch * least(2, greatest(0.5, 100 / took_ms));
            batch := least(100000, greatest(1, batch));
            PERFORM pg_sleep(took_ms / 10000);
        END IF;
    END LOOP;
    COMMIT;
    SET LOCAL client_min_messages = warning;  -- the table need not be there
    DROP TABLE IF EXISTS backfill_workspaces_a9c033ea;
    COMMIT;
    RAISE NOTICE 'workspaces: % rows changed', total;
END
$backfill$;

BEGIN;

SET LOCAL lock_timeout = '2s';

UPDATE alembic_version
SET version_num = '54809042e12d'
WHERE alembic_version.version_num = '4769c700cf0e';

DO $$ BEGIN
    INSERT INTO migration_ledger (revision, direction, digest)
    VALUES ('4769c700cf0e', 'downgrade', 'c4dd27407885cbfe');
EXCEPTION WHEN undefined_table THEN NULL;
END $$;

COMMIT;
