-- Comparisons and what they found.
CREATE TABLE migrate.comparison_result (
    job                 bigint PRIMARY KEY REFERENCES migrate.job (id) ON DELETE CASCADE,
    link                bigint REFERENCES migrate.link (id) ON DELETE SET NULL,
    source              regclass NOT NULL,
    target              regclass NOT NULL,
    method              text NOT NULL CHECK (method IN ('snapshot', 'rolling')),
    columns             text[] NOT NULL,
    seed                bigint NOT NULL,
    verdict             text CHECK (verdict IN ('equal', 'different', 'inconclusive')),
    reason              text,
    rows_source         bigint NOT NULL DEFAULT 0,
    rows_target         bigint NOT NULL DEFAULT 0,
    missing             bigint NOT NULL DEFAULT 0,
    extra               bigint NOT NULL DEFAULT 0,
    changed             bigint NOT NULL DEFAULT 0,
    representation_only bigint NOT NULL DEFAULT 0,
    snapshot_ms         double precision NOT NULL DEFAULT 0,
    horizon             xid8,
    last_key            text[],
    started_at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at         timestamptz
);
CREATE INDEX comparison_result_link ON migrate.comparison_result (link, job);
COMMENT ON TABLE migrate.comparison_result IS 'what comparisons of two tables found';
COMMENT ON COLUMN migrate.comparison_result.columns IS 'the target''s columns that were compared';
COMMENT ON COLUMN migrate.comparison_result.seed IS 'of the row hashes; another one in every comparison';
COMMENT ON COLUMN migrate.comparison_result.verdict IS 'NULL while the comparison runs';
COMMENT ON COLUMN migrate.comparison_result.reason IS 'why it is inconclusive, or its numbers are not complete; or that so many rows differ that a repair is not the way';
COMMENT ON COLUMN migrate.comparison_result.missing IS 'rows of the source that the target does not have';
COMMENT ON COLUMN migrate.comparison_result.extra IS 'rows of the target that the source does not have';
COMMENT ON COLUMN migrate.comparison_result.representation_only IS 'rows that the types'' own equality takes for equal, but that are not: 1.0 and 1.00, for one';
COMMENT ON COLUMN migrate.comparison_result.snapshot_ms IS 'how long its longest snapshot was held';
COMMENT ON COLUMN migrate.comparison_result.horizon IS 'rolling: row versions from this transaction id on may be newer than the snapshot their range was compared under';
COMMENT ON COLUMN migrate.comparison_result.last_key IS 'rolling: the greatest key of the source when it began; what comes after it is compared without a throttle, or a table that grows faster than that would be compared for ever';

CREATE TABLE migrate.difference_row (
    job         bigint NOT NULL REFERENCES migrate.comparison_result (job) ON DELETE CASCADE,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    key         jsonb,
    kind        text NOT NULL CHECK (kind IN ('missing', 'extra', 'changed', 'representation')),
    columns     text[] NOT NULL DEFAULT '{}',
    source_row  jsonb,
    target_row  jsonb,
    times       bigint NOT NULL DEFAULT 1,
    repaired_at timestamptz,
    PRIMARY KEY (job, id)
);
COMMENT ON TABLE migrate.difference_row IS 'rows that differ, up to a number; migrate.comparison_result has the true counts';
COMMENT ON COLUMN migrate.difference_row.key IS 'the key in the target; NULL where the tables have none';
COMMENT ON COLUMN migrate.difference_row.source_row IS 'the source''s row, mapped; NULL where there is none or it is longer than 2 kB';
COMMENT ON COLUMN migrate.difference_row.times IS 'how many such rows one side has more; above 1 only in tables without a key';

SELECT pg_catalog.pg_extension_config_dump('migrate.comparison_result', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.difference_row', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.difference_row_id_seq', '');

CREATE TABLE migrate.repair_log (
    job        bigint NOT NULL REFERENCES migrate.job (id) ON DELETE CASCADE,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    comparison bigint NOT NULL,
    key        jsonb NOT NULL,
    action     text NOT NULL CHECK (action IN ('write', 'delete', 'none', 'failed')),
    dry_run    boolean NOT NULL,
    before     jsonb,
    after      jsonb,
    error      text,
    at         timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (job, id)
);
COMMENT ON TABLE migrate.repair_log IS 'what repairs did, or would have done, to rows of a target';
COMMENT ON COLUMN migrate.repair_log.comparison IS 'the comparison that listed the row';
COMMENT ON COLUMN migrate.repair_log.action IS 'none: the row was equal by then; failed: it could not be written, see error';
COMMENT ON COLUMN migrate.repair_log.before IS 'the target''s row as it was; NULL: there was none, or it is longer than 2 kB';
COMMENT ON COLUMN migrate.repair_log.after IS 'the target''s row as it is now, or would be; NULL: there is none, or it is longer than 2 kB';
SELECT pg_catalog.pg_extension_config_dump('migrate.repair_log', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.repair_log_id_seq', '');
