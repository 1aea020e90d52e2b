-- Every way to fail at the boundary, a few times each: what is thrown, taken, copied and freed on the way must be
-- live memory at each step. test/t/001_boundary.pl says what the outcome must be.
SET client_min_messages = error;
SET pg_cutover.debug_points = 'boundary=error';

CREATE TABLE kinds AS
  SELECT unnest(ARRAY['postgres', 'error', 'exception', 'bad_alloc', 'invalid_input', 'int']) AS kind;
CREATE TABLE fails (n integer);

CREATE FUNCTION must_fail(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    EXECUTE statement;
  EXCEPTION WHEN OTHERS THEN
    RETURN;
  END;
  RAISE 'did not fail: %', statement;
END
$$;

SELECT count(migrate.debug_boundary_wrapper(wrapper, kind, 3))
  FROM unnest(ARRAY['relation', 'moved_relation', 'registered_snapshot', 'active_snapshot', 'slot', 'guc', 'user',
                    'memory', 'container', 'spi', 'rows', 'catalog', 'call', 'section', 'debug_point',
                    'subtransaction', 'destructor_release', 'destructor_entry', 'destructor_subtransaction'])
         AS wrapper,
       (TABLE kinds UNION ALL VALUES ('own')) AS kinds (kind)
 WHERE (wrapper, kind) NOT IN (SELECT unnest(ARRAY['moved_relation', 'registered_snapshot', 'active_snapshot', 'slot',
                                                   'user']), 'own');
SELECT must_fail(format('SELECT migrate.debug_boundary_throw(%L)', kind)) FROM kinds;
SELECT must_fail(format('SELECT migrate.debug_boundary_nested(5, %L)', kind)) FROM kinds;
SELECT must_fail(format('SELECT migrate.debug_boundary_relay(5, %L)', kind)) FROM kinds;
SELECT migrate.debug_boundary_at_reset(kind, 'none') FROM kinds;
SELECT must_fail(format('SELECT migrate.debug_boundary_at_reset(%L, %L)', k.kind, o.kind)) FROM kinds k, kinds o;

CREATE TRIGGER fail AFTER INSERT ON fails FOR EACH ROW EXECUTE FUNCTION migrate.debug_boundary_trigger('error');
SELECT must_fail('INSERT INTO fails VALUES (1)');

SELECT migrate.debug_boundary_at_end('after_commit', kind) FROM kinds WHERE kind = 'postgres';
SELECT migrate.debug_boundary_at_end('after_commit', kind) FROM kinds WHERE kind = 'error';
BEGIN;
SELECT migrate.debug_boundary_at_end('abort', 'postgres');
ROLLBACK;
BEGIN;
SELECT migrate.debug_boundary_at_end('before_commit', 'error');
\set ON_ERROR_STOP 0
COMMIT;
\set ON_ERROR_STOP 1

SELECT migrate.debug_boundary_worker(kind, 3) FROM kinds;
SELECT 1 / (migrate.debug_boundary_live() = 0)::integer;
SELECT migrate.debug_boundary_at_exit('exception');
