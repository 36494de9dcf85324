-- One row for each case: the judgement that counts.
SELECT h.*
FROM hosts_files AS h
WHERE NOT EXISTS (
    SELECT 1 FROM superseded AS s WHERE s.case_id = h.case_id AND s.part = h.part
)
