-- Kernels by release: how many hosts run them, and how many of their lists the next kernel takes.
-- Of each host's captures the one with the most pages counts.
WITH by_host AS (
    SELECT release, host, count(*) AS cases, max(pages) AS pages,
           sum(CASE WHEN outcome <> 'replay' OR efi_outcome <> 'accepted' THEN 1 ELSE 0 END)
               AS unsafe,
           sum(CASE WHEN error IS NOT NULL THEN 1 ELSE 0 END) AS not_judged,
           min(taken_at) AS first_at, max(taken_at) AS last_at
    FROM hosts
    WHERE (:host IS NULL OR host = :host)
      AND (:since IS NULL OR taken_at >= :since)
    GROUP BY release, host
)
SELECT release, count(*) AS hosts, CAST(sum(cases) AS BIGINT) AS cases,
       CAST(sum(unsafe) AS BIGINT) AS unsafe, CAST(sum(not_judged) AS BIGINT) AS not_judged,
       CAST(coalesce(sum(pages), 0) AS BIGINT) AS pages,
       min(first_at) AS first_at, max(last_at) AS last_at
FROM by_host
GROUP BY release
ORDER BY hosts DESC, release NULLS LAST
