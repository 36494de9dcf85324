-- Judgements replaced by a later one of the same case; mostly there are none. Rows of one part that
-- are stored twice, as by a job that ran again, do not replace each other.
SELECT case_id, part
FROM (
    SELECT case_id, part,
           row_number() OVER (PARTITION BY case_id ORDER BY added_at DESC, part DESC) AS place
    FROM (
        SELECT case_id, part, max(added_at) AS added_at
        FROM hosts_files
        WHERE case_id IN (SELECT case_id FROM hosts_files GROUP BY case_id HAVING count(*) > 1)
        GROUP BY case_id, part
    ) AS parts
) AS judged
WHERE place > 1
