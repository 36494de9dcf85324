-- Bad pages by verdict: what becomes of them if the next kernel takes the list. Whether it does is the
-- capture's outcome. The last capture of each host that has a list counts; a capture without a host
-- counts by itself.
WITH in_turn AS (
    SELECT case_id,
           row_number() OVER (
               PARTITION BY coalesce(host, case_id) ORDER BY taken_at DESC NULLS LAST, case_id
           ) AS place
    FROM hosts
    WHERE pages IS NOT NULL
      AND (:host IS NULL OR host = :host)
      AND (:since IS NULL OR taken_at >= :since)
)
SELECT p.verdict, CAST(sum(p.pages) AS BIGINT) AS pages, count(*) AS runs,
       count(DISTINCT p.host) AS hosts
FROM pages AS p
JOIN in_turn AS t ON t.case_id = p.case_id
WHERE t.place = 1
GROUP BY p.verdict
ORDER BY pages DESC, p.verdict NULLS LAST
