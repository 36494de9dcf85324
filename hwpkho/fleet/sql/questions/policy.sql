-- Captures with more distinct pages than --max-pages.
SELECT host, taken_at, pages, outcome, release, case_name
FROM hosts
WHERE pages > :max_pages
  AND (:host IS NULL OR host = :host)
  AND (:since IS NULL OR taken_at >= :since)
ORDER BY pages DESC, host NULLS LAST, taken_at NULLS LAST, case_name
