-- Hosts, by DIMM if known, with more bad pages in the last capture than in the first. Captures with
-- different page sizes are not compared.
WITH ends AS (
    SELECT host, page_size, min(taken_at) AS first_at, max(taken_at) AS last_at
    FROM hosts
    WHERE host IS NOT NULL AND taken_at IS NOT NULL AND pages IS NOT NULL
      AND (:host IS NULL OR host = :host)
      AND (:since IS NULL OR taken_at >= :since)
    GROUP BY host, page_size
    HAVING min(taken_at) < max(taken_at)
)
SELECT p.host, p.dimm, p.dimm_serial, e.first_at, e.last_at,
       CAST(sum(CASE WHEN p.taken_at = e.first_at THEN p.pages ELSE 0 END) AS BIGINT)
           AS pages_before,
       CAST(sum(CASE WHEN p.taken_at = e.last_at THEN p.pages ELSE 0 END) AS BIGINT)
           AS pages_after,
       CAST(sum(CASE WHEN p.taken_at = e.last_at THEN p.pages ELSE -p.pages END) AS BIGINT)
           AS grown
FROM ends AS e
JOIN pages AS p ON p.host = e.host AND p.page_size = e.page_size
WHERE p.taken_at = e.first_at OR p.taken_at = e.last_at
GROUP BY p.host, p.dimm, p.dimm_serial, e.first_at, e.last_at
HAVING sum(CASE WHEN p.taken_at = e.last_at THEN p.pages ELSE -p.pages END) > 0
ORDER BY grown DESC, p.host, p.dimm NULLS LAST, p.dimm_serial NULLS LAST
