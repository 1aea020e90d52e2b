-- Validation: the checks of a migration, and what every run of them found.
CREATE SEQUENCE migrate.validation_run_seq;
COMMENT ON SEQUENCE migrate.validation_run_seq IS 'numbers the runs of migrate_validate';

CREATE TABLE migrate.validation_check (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration   text NOT NULL REFERENCES migrate.migration (name) ON UPDATE CASCADE ON DELETE CASCADE,
    name        text NOT NULL CHECK (name <> ''),
    kind        text NOT NULL,
    spec        jsonb NOT NULL,
    source      regclass,
    target      regclass,
    search_path text NOT NULL,
    created_by  regrole NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    UNIQUE (migration, name)
);
COMMENT ON TABLE migrate.validation_check IS 'the checks of each migration, in the order in which they run';
COMMENT ON COLUMN migrate.validation_check.spec IS 'as the user gave it';
COMMENT ON COLUMN migrate.validation_check.source IS 'the relation that the spec names, or the first of two; it is meant whatever its name becomes, so a swap does not exchange what is checked';
COMMENT ON COLUMN migrate.validation_check.target IS 'the second of two relations';
COMMENT ON COLUMN migrate.validation_check.search_path IS 'of the session that added the check: the SQL in its spec keeps its meaning in every other session';
COMMENT ON COLUMN migrate.validation_check.created_by IS 'the check runs with the rights of this role, whoever starts the validation';

CREATE TABLE migrate.validation_result (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run         bigint NOT NULL,
    migration   text NOT NULL REFERENCES migrate.migration (name) ON UPDATE CASCADE ON DELETE CASCADE,
    check_name  text NOT NULL,
    kind        text NOT NULL,
    status      text NOT NULL CHECK (status IN ('PASS', 'FAIL', 'INCONCLUSIVE')),
    details     text NOT NULL,
    started_at  timestamptz NOT NULL,
    duration_ms double precision NOT NULL,
    run_by      name NOT NULL,
    created_by  name NOT NULL
);
CREATE INDEX validation_result_migration ON migrate.validation_result (migration, run);
COMMENT ON TABLE migrate.validation_result IS 'history: one row for each check of each run; only ever inserted into';
COMMENT ON COLUMN migrate.validation_result.run_by IS 'the role that called migrate_validate';
COMMENT ON COLUMN migrate.validation_result.created_by IS 'the role that had added the check';

SELECT pg_catalog.pg_extension_config_dump('migrate.validation_run_seq', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.validation_check', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.validation_check_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.validation_result', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.validation_result_id_seq', '');
