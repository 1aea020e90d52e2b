-- Jobs: background work with durable progress. Rows, cursor and counters of a batch commit together.
CREATE TABLE migrate.job (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL,
    link           bigint REFERENCES migrate.link (id) ON DELETE SET NULL,
    source         regclass,
    target         regclass,
    migration      text REFERENCES migrate.migration (name) ON UPDATE CASCADE ON DELETE SET NULL,
    state          text NOT NULL DEFAULT 'queued'
                   CHECK (state IN ('queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')),
    phase          text NOT NULL DEFAULT 'start',
    waiting_for    text,
    options        jsonb NOT NULL,
    throttle       jsonb NOT NULL,
    workers        integer NOT NULL CHECK (workers BETWEEN 1 AND 64),
    login_role     regrole NOT NULL,
    effective_role regrole NOT NULL,
    home           text NOT NULL,
    boundary       xid8,
    start_xid      xid8,
    rows_total     bigint,
    units_total    bigint,
    attempts       integer NOT NULL DEFAULT 0,
    error_sqlstate text,
    error_message  text,
    error_detail   text,
    error_hint     text,
    error_context  text,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    started_at     timestamptz,
    finished_at    timestamptz
);
CREATE INDEX job_unfinished ON migrate.job (id) WHERE state IN ('queued', 'running', 'paused');
-- The last word where two sessions look under old snapshots and both find the target free.
CREATE UNIQUE INDEX job_one_a_target ON migrate.job (target) WHERE state IN ('queued', 'running', 'paused');
COMMENT ON TABLE migrate.job IS 'background jobs and their state';
COMMENT ON COLUMN migrate.job.phase IS 'the step a running job is at; durable: a resumed job goes on with it';
COMMENT ON COLUMN migrate.job.waiting_for IS 'why the job does not progress although it is queued or running';
COMMENT ON COLUMN migrate.job.options IS 'what the call asked for: batch_size, batch_delay_ms, method';
COMMENT ON COLUMN migrate.job.login_role IS 'the role that workers connect as';
COMMENT ON COLUMN migrate.job.effective_role IS 'the role that workers then SET ROLE to';
COMMENT ON COLUMN migrate.job.home IS 'system identifier and database OID of where the job was made: a copy of the database does not start it by itself';
COMMENT ON COLUMN migrate.job.boundary IS 'row versions from this transaction id on may have been written after the copy began';
COMMENT ON COLUMN migrate.job.start_xid IS 'rows of the target with an older transaction id were not written by this job';
COMMENT ON COLUMN migrate.job.rows_total IS 'estimated number of source rows';
COMMENT ON COLUMN migrate.job.units_total IS 'size of the work in the units of the cursor: source blocks for the direct method; NULL where rows are all there is';
COMMENT ON COLUMN migrate.job.attempts IS 'consecutive failures that were retried';

CREATE TABLE migrate.job_cursor (
    job             bigint NOT NULL REFERENCES migrate.job (id) ON DELETE CASCADE,
    worker          integer NOT NULL,
    done            int8multirange NOT NULL DEFAULT '{}',
    position        text[],
    rows_read       bigint NOT NULL DEFAULT 0,
    rows_written    bigint NOT NULL DEFAULT 0,
    rows_taken_back bigint NOT NULL DEFAULT 0,
    bytes_written   bigint NOT NULL DEFAULT 0,
    wal_bytes       bigint NOT NULL DEFAULT 0,
    batches         bigint NOT NULL DEFAULT 0,
    busy_ms         double precision NOT NULL DEFAULT 0,
    rows_per_second double precision,
    throttled_by    text,
    pid             integer,
    updated_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (job, worker)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE migrate.job_cursor IS 'what each worker of a job has finished: written in the transaction that wrote the rows';
COMMENT ON COLUMN migrate.job_cursor.done IS 'direct method: finished source blocks';
COMMENT ON COLUMN migrate.job_cursor.position IS 'sql method: the last key done';
COMMENT ON COLUMN migrate.job_cursor.rows_read IS 'source rows that passed the filter';
COMMENT ON COLUMN migrate.job_cursor.rows_written IS 'target rows written and kept';
COMMENT ON COLUMN migrate.job_cursor.rows_taken_back IS 'rows that a concurrent writer touched while they were copied: taken back and, if still due, copied again';

CREATE TABLE migrate.job_part (
    job         bigint NOT NULL REFERENCES migrate.job (id) ON DELETE CASCADE,
    part        integer NOT NULL,
    relation    regclass NOT NULL,
    first_block bigint NOT NULL,
    blocks      bigint NOT NULL,
    filenode    oid NOT NULL,
    fingerprint bigint NOT NULL,
    PRIMARY KEY (job, part)
);
COMMENT ON TABLE migrate.job_part IS 'the leaves of a copy''s source, laid end to end into one space of block numbers, with the definition they had when the copy began';

CREATE TABLE migrate.job_deferred_row (
    job      bigint NOT NULL REFERENCES migrate.job (id) ON DELETE CASCADE,
    id       bigint GENERATED ALWAYS AS IDENTITY,
    relation regclass NOT NULL,
    key      text[] NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    PRIMARY KEY (job, id)
);
COMMENT ON TABLE migrate.job_deferred_row IS 'source keys that were busy when their batch was copied: written in the batch''s transaction, looked up again later';

CREATE TABLE migrate.event_log (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    actor     name NOT NULL,
    kind      text NOT NULL,
    migration text,
    link      bigint,
    job       bigint,
    source    text,
    target    text,
    message   text NOT NULL,
    details   jsonb NOT NULL DEFAULT '{}',
    inverse   text
);
CREATE INDEX event_log_job ON migrate.event_log (job, id);
COMMENT ON TABLE migrate.event_log IS 'append-only log of what was done to which tables, by whom';
COMMENT ON COLUMN migrate.event_log.inverse IS 'the call that undoes it, where there is one';

-- pg_dump takes the rows along; a restored job does not run by itself (job.home).
SELECT pg_catalog.pg_extension_config_dump('migrate.migration', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.link', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.link_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.table_name', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.table_name_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.deferred_object', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.source_object', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.job', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.job_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.job_cursor', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.job_part', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.job_deferred_row', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.job_deferred_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.event_log', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.event_log_id_seq', '');
