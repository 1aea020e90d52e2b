-- Samples a running job every few milliseconds; the last line printed is the rate over the last tenth of its
-- rows divided by the rate over the first. A tenth begins with the first sample, not with the launch.
SET client_min_messages = warning;
SELECT set_config('bench.job', :'job', false);
CREATE TEMP TABLE sample (at timestamptz, rows_done bigint);
DO $do$
DECLARE
    watched CONSTANT bigint := current_setting('bench.job')::bigint;
    done bigint;
    before bigint := 0;
    ended boolean;
BEGIN
    LOOP
        SELECT rows_done, phase <> 'start' AND phase <> 'copy' INTO done, ended
          FROM migrate.progress WHERE job = watched;
        IF done > before THEN
            INSERT INTO sample VALUES (clock_timestamp(), done);
            before := done;
        END IF;
        EXIT WHEN ended;
        PERFORM pg_sleep(0.003);
    END LOOP;
END
$do$;
WITH mark AS (
    SELECT share, (SELECT min(at) FROM sample WHERE rows_done >= share * (SELECT max(rows_done) FROM sample)) AS at,
           (SELECT min(rows_done) FROM sample WHERE rows_done >= share * (SELECT max(rows_done) FROM sample)) AS rows_done
      FROM unnest(ARRAY[0.01, 0.11, 0.89, 0.99]) AS share
), rate AS (
    SELECT share, (rows_done - lag(rows_done) OVER (ORDER BY share))
                  / extract(epoch FROM at - lag(at) OVER (ORDER BY share)) AS per_second
      FROM mark
)
SELECT round((SELECT per_second FROM rate WHERE share = 0.99) / (SELECT per_second FROM rate WHERE share = 0.11), 2);
