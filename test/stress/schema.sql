-- The tables that the writers of test/stress work on, and the oracle.
--
-- item is the table that is migrated and swapped: its triggers change and drop rows, update the row that was written
-- once more and write another row; foreign keys cascade into it; the view app is written through. part_item is a
-- partitioned table whose rows move between partitions.
--
-- The oracle: after each write, and under the row locks that the write took, note() copies the rows as they are now
-- into item_oracle, in the same transaction. Nobody else can change them before the commit, so at any commit
-- item_oracle equals item, whatever triggers and cascades did. It has neither triggers nor links: a row that a swap
-- loses, resurrects or takes back to an older version differs from it.
CREATE EXTENSION pg_cutover;
CREATE EXTENSION amcheck;

CREATE FUNCTION blob(size integer) RETURNS text LANGUAGE sql VOLATILE AS
    $$ SELECT string_agg(md5(random()::text), '') FROM generate_series(1, size) $$;

CREATE TABLE owner (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO owner SELECT i, 'owner ' || i FROM generate_series(1, 40) i;

CREATE TABLE item (
    id        integer PRIMARY KEY,
    owner_id  integer REFERENCES owner ON DELETE CASCADE,
    keeper_id integer REFERENCES owner ON DELETE SET NULL,
    status    text NOT NULL DEFAULT 'new',
    amount    numeric(12,2) NOT NULL DEFAULT 0,
    n         integer NOT NULL DEFAULT 0,
    hits      integer NOT NULL DEFAULT 0,
    partner   integer,
    code      text UNIQUE,
    body      text,
    twice     integer GENERATED ALWAYS AS (n * 2) STORED
);
CREATE INDEX item_owner ON item (owner_id);
CREATE INDEX item_keeper ON item (keeper_id);
CREATE INDEX item_status ON item (lower(status), n DESC) WHERE status <> 'new';
CREATE VIEW app AS SELECT id, status, amount, n FROM item;

CREATE TABLE item_oracle (
    id bigint PRIMARY KEY, owner_id integer, keeper_id integer, status text, amount numeric, n integer, hits bigint,
    partner integer, code text, body text, twice integer
);

-- status is called state in the new shape: through jsonb both are read by one statement.
CREATE FUNCTION note(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM item_oracle WHERE id = ANY (ids);
    INSERT INTO item_oracle
    SELECT i.id, i.owner_id, i.keeper_id, coalesce(j.r ->> 'status', j.r ->> 'state'), i.amount, i.n, i.hits,
           i.partner, i.code, i.body, i.twice
    FROM item i, LATERAL (SELECT to_jsonb(i) - 'body' AS r) j WHERE i.id = ANY (ids);
END $$;

-- Rows of the live table or its mirror in one shape. STABLE: with the snapshot of the query that calls it.
-- By name, again where a swap came between the look at its columns and the lock on it.
CREATE FUNCTION rows_of(tab text) RETURNS SETOF item_oracle LANGUAGE plpgsql STABLE AS $$
DECLARE
    status name;
BEGIN
    LOOP
        SELECT attname INTO status FROM pg_attribute
         WHERE attrelid = to_regclass(tab) AND attname IN ('status', 'state') AND NOT attisdropped;
        IF status IS NULL THEN RAISE undefined_table USING MESSAGE = tab || ' has just been renamed'; END IF;
        BEGIN
            RETURN QUERY EXECUTE format('SELECT id::bigint, owner_id, keeper_id, %I, amount::numeric, n, hits::bigint,
                partner, code, md5(body), twice FROM %s', status, tab);
            RETURN;
        EXCEPTION WHEN undefined_column THEN NULL;
        END;
    END LOOP;
END $$;

-- Application triggers. They name only columns that both shapes have.
CREATE FUNCTION item_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.n % 97 = 13 THEN RETURN NULL; END IF;
    IF TG_OP = 'UPDATE' AND NEW.n IS DISTINCT FROM OLD.n AND NEW.n % 97 = 13 AND pg_trigger_depth() = 1 THEN
        RETURN NULL;
    END IF;
    NEW.amount := round(NEW.amount, 1);
    RETURN NEW;
END $$;
CREATE TRIGGER item_before BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION item_before();

-- zz_: also after our own trigger has fired for the first write.
CREATE FUNCTION item_again() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    hit bigint;
BEGIN
    IF pg_trigger_depth() > 1 THEN RETURN NULL; END IF;
    IF NEW.n % 5 = 0 THEN
        UPDATE item SET hits = hits + 1 WHERE id = NEW.id RETURNING id INTO hit;
        IF FOUND THEN PERFORM note(ARRAY[hit]); END IF;
    END IF;
    IF NEW.n % 7 = 0 AND NEW.partner IS NOT NULL THEN
        UPDATE item SET hits = hits + 1 WHERE id = NEW.partner RETURNING id INTO hit;
        IF FOUND THEN PERFORM note(ARRAY[hit]); END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER aa_item_again AFTER INSERT OR UPDATE OF n ON item FOR EACH ROW EXECUTE FUNCTION item_again();
CREATE TRIGGER zz_item_again AFTER UPDATE OF amount ON item FOR EACH ROW EXECUTE FUNCTION item_again();

-- More than 64 subtransactions, a third of which fail. The ids that were written.
CREATE FUNCTION many_subtransactions(first integer, rows integer) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    hit bigint;
    hits bigint[] := '{}';
BEGIN
    FOR i IN 0 .. rows - 1 LOOP
        BEGIN
            UPDATE item SET n = n + 1 WHERE id = first + i RETURNING id INTO hit;
            IF i % 3 = 0 THEN RAISE EXCEPTION 'unwanted'; END IF;
            IF hit IS NOT NULL THEN hits := hits || hit; END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
    RETURN hits;
END $$;

-- Moves a row to a key that may be taken. A violation in any other table than item is not the application's.
CREATE FUNCTION move_key(old_id integer, new_id integer) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    hit bigint;
    culprit text;
BEGIN
    UPDATE item SET id = new_id WHERE id = old_id RETURNING id INTO hit;
    RETURN CASE WHEN hit IS NULL THEN '{}' ELSE ARRAY[old_id, hit] END;
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS culprit = TABLE_NAME;
    IF culprit IS DISTINCT FROM 'item' THEN RAISE; END IF;
    RETURN '{}';
END $$;

CREATE TABLE part_item (
    id integer, region integer, n integer NOT NULL DEFAULT 0, body text, PRIMARY KEY (id, region)
) PARTITION BY RANGE (region);
CREATE TABLE part_item_low PARTITION OF part_item FOR VALUES FROM (0) TO (10);
-- Columns in another order and a dropped one.
CREATE TABLE part_item_high (gone integer, body text, region integer NOT NULL, n integer NOT NULL DEFAULT 0,
    id integer NOT NULL);
ALTER TABLE part_item_high DROP COLUMN gone;
ALTER TABLE part_item ATTACH PARTITION part_item_high FOR VALUES FROM (10) TO (20);
CREATE TABLE part_item_rest PARTITION OF part_item DEFAULT;
CREATE TABLE part_oracle (id integer, region integer, n integer, body text, PRIMARY KEY (id, region));
CREATE FUNCTION note_part(ids integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM part_oracle WHERE id = ANY (ids);
    INSERT INTO part_oracle SELECT id, region, n, body FROM part_item WHERE id = ANY (ids);
END $$;

INSERT INTO item (id, owner_id, keeper_id, n, amount, partner, code, body)
SELECT i, 1 + i % 40, 1 + i * 7 % 40, 4, i / 7.0, 1 + i * 13 % :rows, 'c' || i, CASE WHEN i % 10 = 0 THEN blob(200) END
FROM generate_series(1, :rows) i;
SELECT note(array_agg(id)) FROM item;
INSERT INTO part_item SELECT i, i % 25, 0, 'part ' || i FROM generate_series(1, :rows) i;
SELECT note_part(array_agg(id)) FROM part_item;
