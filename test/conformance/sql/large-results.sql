-- More than any buffer on the way holds: many rows, wide rows, long texts in both directions.
\pset format unaligned
\pset tuples_only on
SELECT g, md5(g::text), repeat('r', g % 100) FROM generate_series(1, 30000) AS g;
SELECT repeat('0123456789', 200000);
SELECT string_agg(g::text, ',') FROM generate_series(1, 200000) AS g;
SELECT format('SELECT %L', repeat('q', 1000000)) AS text \gset
SELECT length(:'text');
:text;
SELECT format('SELECT %s', string_agg(format('%s AS c%s', g, g), ', ')) FROM generate_series(1, 1600) AS g \gexec
COPY (SELECT g, repeat('c', 300) FROM generate_series(1, 20000) AS g) TO STDOUT;
SELECT 'still here';
