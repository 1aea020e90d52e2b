-- Dual-write and swaps: which links are kept in step, what their triggers looked like when they were made, what the
-- target did not take, and which tables have changed places.
CREATE TABLE migrate.capture (
    link         bigint PRIMARY KEY REFERENCES migrate.link (id) ON DELETE CASCADE,
    policy       text NOT NULL CHECK (policy IN ('fail', 'suspend', 'record')),
    boundary     xid8 NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    complete_at  timestamptz,
    complete_xid xid8,
    broken       text,
    broken_at    timestamptz
);
COMMENT ON TABLE migrate.capture IS 'links whose source carries a trigger that mirrors every write into the target';
COMMENT ON COLUMN migrate.capture.policy IS 'what happens to a write whose row the target rejects: fail: the application''s statement fails; suspend: it succeeds, and nothing is mirrored any more; record: it succeeds, the row is noted, the rest is mirrored';
COMMENT ON COLUMN migrate.capture.boundary IS 'transactions from this id on wrote with the trigger in place';
COMMENT ON COLUMN migrate.capture.complete_at IS 'when the target became equal to the mapped source; NULL while rows are still to be copied';
COMMENT ON COLUMN migrate.capture.complete_xid IS 'the next transaction id at that moment: an older snapshot may see a part of the target only';
COMMENT ON COLUMN migrate.capture.broken IS 'why the target can no longer be trusted to be exact; NULL while it can';

CREATE TABLE migrate.capture_part (
    link                  bigint NOT NULL REFERENCES migrate.capture (link) ON DELETE CASCADE,
    relation              regclass NOT NULL,
    fingerprint           bigint NOT NULL,
    filenode              oid NOT NULL,
    column_xmins          bigint NOT NULL,
    triggers              oid[] NOT NULL,
    trigger_xmins         xid[] NOT NULL,
    vacuum_truncate       text,
    toast_vacuum_truncate text,
    PRIMARY KEY (link, relation)
);
COMMENT ON TABLE migrate.capture_part IS 'every table of a link that is kept in step, as it was defined when dual-write began';
COMMENT ON COLUMN migrate.capture_part.filenode IS 'its storage: TRUNCATE and VACUUM FULL change that, and so does an ALTER TABLE that rewrites the rows';
COMMENT ON COLUMN migrate.capture_part.column_xmins IS 'one number for the transactions that wrote its rows in pg_attribute: an ALTER TABLE that rewrites the rows changes that too';
COMMENT ON COLUMN migrate.capture_part.vacuum_truncate IS 'of a table of the target: the storage option as it was; NULL: it was not set';
COMMENT ON COLUMN migrate.capture_part.toast_vacuum_truncate IS 'the same for its TOAST table';
COMMENT ON COLUMN migrate.capture_part.triggers IS 'our triggers on it';
COMMENT ON COLUMN migrate.capture_part.trigger_xmins IS 'the transactions that wrote their rows in pg_trigger: disabling a trigger changes that, enabling it again does not change it back';

-- Only ever inserted into by writers' transactions, so that two writers never wait for each other here.
CREATE TABLE migrate.rejected_row (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link     bigint NOT NULL REFERENCES migrate.link (id) ON DELETE CASCADE,
    key      text[] NOT NULL,
    sqlstate text NOT NULL,
    message  text NOT NULL,
    at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX rejected_row_link ON migrate.rejected_row (link, id);
COMMENT ON TABLE migrate.rejected_row IS 'writes of applications that succeeded although the target did not take the row';
COMMENT ON COLUMN migrate.rejected_row.key IS 'the row''s key in the source, as text; empty: no row in particular, the definitions do not fit any more';

CREATE TABLE migrate.swap (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job          bigint,
    live         regclass NOT NULL,
    mirror       regclass NOT NULL,
    link         bigint REFERENCES migrate.link (id) ON DELETE SET NULL,
    reverse_link bigint REFERENCES migrate.link (id) ON DELETE SET NULL,
    mirror_name  name NOT NULL,
    renames      oid[] NOT NULL,
    swapped_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at     timestamptz,
    retired_at   timestamptz,
    safe_after   timestamptz
);
CREATE UNIQUE INDEX swap_one_a_table ON migrate.swap (live) WHERE ended_at IS NULL;
COMMENT ON TABLE migrate.swap IS 'pairs of tables that have changed places';
COMMENT ON COLUMN migrate.swap.live IS 'the table that applications use since the swap';
COMMENT ON COLUMN migrate.swap.mirror IS 'the table that they used before';
COMMENT ON COLUMN migrate.swap.link IS 'the dormant link: from mirror to live, as before the swap';
COMMENT ON COLUMN migrate.swap.reverse_link IS 'the link that keeps the mirror in step; NULL without reverse sync';
COMMENT ON COLUMN migrate.swap.mirror_name IS 'the name that the live table had before the swap, and gets back when the swap is reverted';
COMMENT ON COLUMN migrate.swap.renames IS 'pairs of indexes, sequences or statistics objects that exchanged their names: of the live table, of the mirror';
COMMENT ON COLUMN migrate.swap.ended_at IS 'when the swap was reverted, or its mirror purged or unlinked; NULL while it stands';
COMMENT ON COLUMN migrate.swap.retired_at IS 'when migrate_retire archived the mirror';

SELECT pg_catalog.pg_extension_config_dump('migrate.capture', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.capture_part', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.rejected_row', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.rejected_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.swap', '');
SELECT pg_catalog.pg_extension_config_dump('migrate.swap_id_seq', '');
