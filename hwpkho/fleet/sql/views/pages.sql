-- One row for each run of bad pages, of the judgements that count.
SELECT p.*
FROM pages_files AS p
WHERE NOT EXISTS (
    SELECT 1 FROM superseded AS s WHERE s.case_id = p.case_id AND s.part = p.part
)
