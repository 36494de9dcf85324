-- What changed between a capture of a host and its next one: ranges of pages that only the earlier
-- has ('lost') or only the later ('new').
--
-- Captures without a time, or whose list could not be read, are not compared; nor are two of one
-- boot. Captures of one moment count as one. PFNs are of the smaller of the two page sizes.
WITH moments AS (
    SELECT host, taken_at, min(list_hash) AS hash, max(list_hash) AS other_hash,
           min(page_size) AS page_size, max(boot_id) AS boot_id, max(kexec_count) AS kexec_count
    FROM hosts
    WHERE host IS NOT NULL AND taken_at IS NOT NULL AND pages IS NOT NULL
    GROUP BY host, taken_at
),
in_turn AS (
    SELECT host, taken_at AS after, hash, other_hash, page_size, boot_id, kexec_count,
           lag(taken_at) OVER turn AS before,
           lag(hash) OVER turn AS last_hash,
           lag(other_hash) OVER turn AS last_other_hash,
           lag(page_size) OVER turn AS last_page_size,
           lag(boot_id) OVER turn AS last_boot_id,
           lag(kexec_count) OVER turn AS last_kexec_count
    FROM moments
    WINDOW turn AS (PARTITION BY host ORDER BY taken_at)
),
pairs AS (
    SELECT host, before, after, least(page_size, last_page_size) AS page_size,
           CASE WHEN kexec_count > last_kexec_count THEN kexec_count - last_kexec_count END
               AS kexecs
    FROM in_turn
    WHERE before IS NOT NULL
      AND (boot_id IS NULL OR last_boot_id IS NULL OR boot_id <> last_boot_id)
      AND (hash <> other_hash OR hash <> last_hash OR last_hash <> last_other_hash)
),
-- Each run begins and ends somewhere. 2^58: no page has such a number, and sixteen times it fits.
runs AS (
    SELECT r.host, r.before, r.after, r.page_size, r.kexecs, 1 AS earlier, 0 AS later,
           p.first_pfn * CAST(p.page_size / r.page_size AS BIGINT) AS begins,
           (p.last_pfn + 1) * CAST(p.page_size / r.page_size AS BIGINT) AS ends
    FROM pairs AS r
    JOIN pages AS p ON p.host = r.host AND p.taken_at = r.before
    WHERE p.last_pfn < 288230376151711744
    UNION ALL
    SELECT r.host, r.before, r.after, r.page_size, r.kexecs, 0 AS earlier, 1 AS later,
           p.first_pfn * CAST(p.page_size / r.page_size AS BIGINT) AS begins,
           (p.last_pfn + 1) * CAST(p.page_size / r.page_size AS BIGINT) AS ends
    FROM pairs AS r
    JOIN pages AS p ON p.host = r.host AND p.taken_at = r.after
    WHERE p.last_pfn < 288230376151711744
),
steps AS (
    SELECT host, before, after, page_size, kexecs, pfn,
           sum(earlier) AS earlier, sum(later) AS later
    FROM (
        SELECT host, before, after, page_size, kexecs, begins AS pfn, earlier, later FROM runs
        UNION ALL
        SELECT host, before, after, page_size, kexecs, ends AS pfn, -earlier, -later FROM runs
    ) AS each_end
    GROUP BY host, before, after, page_size, kexecs, pfn
),
stretches AS (
    SELECT host, before, after, page_size, kexecs, pfn,
           lead(pfn) OVER along AS up_to,
           sum(earlier) OVER along AS earlier,
           sum(later) OVER along AS later
    FROM steps
    WINDOW along AS (PARTITION BY host, before, after ORDER BY pfn)
),
told AS (
    SELECT host, before, after, page_size, kexecs, pfn, up_to,
           CASE WHEN earlier > 0 AND later = 0 THEN 'lost'
                WHEN earlier = 0 AND later > 0 THEN 'new' END AS change
    FROM stretches
    WHERE up_to IS NOT NULL
),
-- Stretches that touch and changed alike are one.
begun AS (
    SELECT host, before, after, page_size, kexecs, pfn, up_to, change,
           CASE WHEN lag(up_to) OVER along = pfn THEN 0 ELSE 1 END AS begins
    FROM told
    WHERE change IS NOT NULL
    WINDOW along AS (PARTITION BY host, before, after, change ORDER BY pfn)
),
numbered AS (
    SELECT host, before, after, page_size, kexecs, pfn, up_to, change,
           sum(begins) OVER along AS stretch
    FROM begun
    WINDOW along AS (PARTITION BY host, before, after, change ORDER BY pfn)
)
SELECT host, before, after, change, min(pfn) AS first_pfn, max(up_to) - 1 AS last_pfn,
       max(up_to) - min(pfn) AS pages, page_size, kexecs
FROM numbered
GROUP BY host, before, after, change, stretch, page_size, kexecs
