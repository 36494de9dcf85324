-- One row on the whole fleet. Of each host's captures the one with the most pages counts.
WITH by_host AS (
    SELECT host, count(*) AS cases, max(pages) AS pages,
           sum(CASE WHEN error IS NOT NULL THEN 1 ELSE 0 END) AS not_judged,
           sum(CASE WHEN outcome <> 'replay' OR efi_outcome <> 'accepted' THEN 1 ELSE 0 END)
               AS unsafe,
           min(taken_at) AS first_at, max(taken_at) AS last_at
    FROM hosts
    WHERE (:host IS NULL OR host = :host)
      AND (:since IS NULL OR taken_at >= :since)
    GROUP BY host
)
SELECT count(*) AS hosts, CAST(coalesce(sum(cases), 0) AS BIGINT) AS cases,
       CAST(coalesce(sum(pages), 0) AS BIGINT) AS pages,
       count(CASE WHEN pages > 0 THEN 1 END) AS hosts_with_pages,
       CAST(coalesce(sum(unsafe), 0) AS BIGINT) AS unsafe,
       CAST(coalesce(sum(not_judged), 0) AS BIGINT) AS not_judged,
       min(first_at) AS first_at, max(last_at) AS last_at
FROM by_host
