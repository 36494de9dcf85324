-- Judgements that a later one of the same case has replaced. Mostly there are none.
SELECT case_id, part
FROM (
    SELECT case_id, part,
           row_number() OVER (PARTITION BY case_id ORDER BY added_at DESC, part DESC) AS place
    FROM hosts_files
    WHERE case_id IN (SELECT case_id FROM hosts_files GROUP BY case_id HAVING count(*) > 1)
) AS judged
WHERE place > 1
