-- Findings by code: how many there are, in how many cases, on how many hosts.
SELECT f.code, f.severity, count(*) AS findings, count(DISTINCT f.case_id) AS cases,
       count(DISTINCT f.host) AS hosts, min(f.taken_at) AS first_at, max(f.taken_at) AS last_at
FROM findings AS f
WHERE (:host IS NULL OR f.host = :host)
  AND (:since IS NULL OR f.taken_at >= :since)
GROUP BY f.code, f.severity
ORDER BY CASE f.severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END,
         findings DESC, f.code
