-- Hosts by their bad pages. Of each host's captures the one with the most pages counts.
SELECT host, max(pages) AS pages, count(*) AS cases, max(taken_at) AS last_at
FROM hosts
WHERE pages IS NOT NULL
  AND (:host IS NULL OR host = :host)
  AND (:since IS NULL OR taken_at >= :since)
GROUP BY host
HAVING max(pages) > 0
ORDER BY pages DESC, host NULLS LAST
