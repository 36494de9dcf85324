-- Pages that a host's list has again after it had lost them, and DIMMs seen in another host later.
WITH changes_once AS (
    SELECT host, before, after, change, first_pfn, last_pfn, page_size FROM changes
),
pages_again AS (
    SELECT 'page' AS what, n.host, CAST(NULL AS STRING) AS other_host,
           greatest(l.first_pfn, n.first_pfn) AS first_pfn,
           least(l.last_pfn, n.last_pfn) AS last_pfn,
           least(l.last_pfn, n.last_pfn) - greatest(l.first_pfn, n.first_pfn) + 1 AS pages,
           CAST(NULL AS STRING) AS dimm_serial, l.after AS before, n.after AS after,
           row_number() OVER (
               PARTITION BY n.host, n.after, n.first_pfn, greatest(l.first_pfn, n.first_pfn)
               ORDER BY l.after DESC
           ) AS place
    FROM changes_once AS l
    JOIN changes_once AS n
      ON n.host = l.host AND n.page_size = l.page_size AND n.after > l.after
     AND n.first_pfn <= l.last_pfn AND l.first_pfn <= n.last_pfn
    WHERE l.change = 'lost' AND n.change = 'new'
),
dimms AS (
    SELECT dimm_serial, host, min(taken_at) AS first_at, max(taken_at) AS last_at
    FROM pages
    WHERE dimm_serial IS NOT NULL AND host IS NOT NULL AND taken_at IS NOT NULL
    GROUP BY dimm_serial, host
),
dimms_again AS (
    SELECT 'dimm' AS what, host,
           lag(host) OVER turn AS other_host,
           CAST(NULL AS BIGINT) AS first_pfn, CAST(NULL AS BIGINT) AS last_pfn,
           CAST(NULL AS BIGINT) AS pages, dimm_serial,
           lag(last_at) OVER turn AS before, first_at AS after
    FROM dimms
    WINDOW turn AS (PARTITION BY dimm_serial ORDER BY first_at, host)
),
again AS (
    SELECT what, host, other_host, first_pfn, last_pfn, pages, dimm_serial, before, after
    FROM pages_again
    WHERE place = 1
    UNION ALL
    SELECT what, host, other_host, first_pfn, last_pfn, pages, dimm_serial, before, after
    FROM dimms_again
    WHERE other_host IS NOT NULL
)
SELECT what, host, other_host, before, after, first_pfn, last_pfn, pages, dimm_serial
FROM again
WHERE (:host IS NULL OR host = :host OR other_host = :host)
  AND (:since IS NULL OR after >= :since)
ORDER BY what, host, after, first_pfn NULLS LAST, dimm_serial NULLS LAST
