-- One row for each day: captures, and bad pages of all hosts. If a host has several captures on a
-- day, the one with the most pages counts.
WITH by_host AS (
    SELECT day, host, count(*) AS cases, max(pages) AS pages,
           sum(CASE WHEN outcome <> 'replay' OR efi_outcome <> 'accepted' THEN 1 ELSE 0 END)
               AS unsafe,
           sum(CASE WHEN error IS NOT NULL THEN 1 ELSE 0 END) AS not_judged
    FROM hosts
    WHERE day IS NOT NULL
      AND (:host IS NULL OR host = :host)
      AND (:since IS NULL OR taken_at >= :since)
    GROUP BY day, host
)
SELECT day, count(*) AS hosts, CAST(sum(cases) AS BIGINT) AS cases,
       CAST(coalesce(sum(pages), 0) AS BIGINT) AS pages, CAST(sum(unsafe) AS BIGINT) AS unsafe,
       CAST(sum(not_judged) AS BIGINT) AS not_judged
FROM by_host
GROUP BY day
ORDER BY day
