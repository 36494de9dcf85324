-- One row for each finding, of the judgements that count.
SELECT f.*
FROM findings_files AS f
WHERE NOT EXISTS (
    SELECT 1 FROM superseded AS s WHERE s.case_id = f.case_id AND s.part = f.part
)
