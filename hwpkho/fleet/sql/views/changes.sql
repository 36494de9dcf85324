-- What changed between one capture of a host and the next: ranges of pages that only the earlier
-- list has ('lost') or only the later one ('new').
--
-- Not compared: captures without a time or with an unreadable list, and two captures of the same
-- boot. Captures with the same time count as one. PFNs are in the smaller of the two page sizes.
WITH changed AS (
    SELECT host
    FROM hosts
    WHERE host IS NOT NULL AND taken_at IS NOT NULL AND pages IS NOT NULL
    GROUP BY host
    HAVING min(list_hash) <> max(list_hash)
),
moments AS (
    SELECT host, taken_at, min(list_hash) AS hash, max(list_hash) AS other_hash,
           min(page_size) AS page_size, max(boot_id) AS boot_id, max(kexec_count) AS kexec_count,
           count(*) AS captures
    FROM hosts
    WHERE host IN (SELECT host FROM changed) AND taken_at IS NOT NULL AND pages IS NOT NULL
    GROUP BY host, taken_at
),
in_turn AS (
    SELECT host, taken_at AS after, hash, other_hash, page_size, boot_id, kexec_count,
           captures, lag(captures) OVER turn AS last_captures,
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
    SELECT row_number() OVER (ORDER BY host, after) AS pair,
           host, before, after, captures + last_captures AS captures,
           least(page_size, last_page_size) AS page_size,
           CASE WHEN kexec_count > last_kexec_count THEN kexec_count - last_kexec_count END
               AS kexecs
    FROM in_turn
    WHERE before IS NOT NULL
      AND (boot_id IS NULL OR last_boot_id IS NULL OR boot_id <> last_boot_id)
      AND (hash <> other_hash OR hash <> last_hash OR last_hash <> last_other_hash)
),
-- The runs of both captures, ends exclusive, in the pair's page size. PFNs from 2^58 on are left
-- out: no machine has them, and with them the products (page sizes differ by up to 16 times) could
-- overflow.
runs AS (
    SELECT r.pair, r.captures, 1 AS earlier, 0 AS later,
           p.first_pfn * CAST(p.page_size / r.page_size AS BIGINT) AS begins,
           (p.last_pfn + 1) * CAST(p.page_size / r.page_size AS BIGINT) AS ends
    FROM pairs AS r
    JOIN pages AS p ON p.host = r.host AND p.taken_at = r.before
    WHERE p.last_pfn < 288230376151711744
    UNION ALL
    SELECT r.pair, r.captures, 0 AS earlier, 1 AS later,
           p.first_pfn * CAST(p.page_size / r.page_size AS BIGINT) AS begins,
           (p.last_pfn + 1) * CAST(p.page_size / r.page_size AS BIGINT) AS ends
    FROM pairs AS r
    JOIN pages AS p ON p.host = r.host AND p.taken_at = r.after
    WHERE p.last_pfn < 288230376151711744
),
-- Without the runs that both sides have. If a side is several captures, their runs may overlap, so
-- all are kept.
differing AS (
    SELECT pair, begins, ends, sum(earlier) AS earlier, sum(later) AS later
    FROM runs
    GROUP BY pair, captures, begins, ends
    HAVING captures > 2 OR sum(earlier) = 0 OR sum(later) = 0
),
steps AS (
    SELECT pair, pfn, sum(earlier) AS earlier, sum(later) AS later
    FROM (
        SELECT pair, begins AS pfn, earlier, later FROM differing
        UNION ALL
        SELECT pair, ends AS pfn, -earlier, -later FROM differing
    ) AS each_end
    GROUP BY pair, pfn
),
stretches AS (
    SELECT pair, pfn,
           lead(pfn) OVER along AS up_to,
           sum(earlier) OVER along AS earlier,
           sum(later) OVER along AS later
    FROM steps
    WINDOW along AS (PARTITION BY pair ORDER BY pfn)
),
told AS (
    SELECT pair, pfn, up_to,
           CASE WHEN earlier > 0 AND later = 0 THEN 'lost'
                WHEN earlier = 0 AND later > 0 THEN 'new' END AS change
    FROM stretches
    WHERE up_to IS NOT NULL
),
-- Joins adjacent stretches with the same change.
begun AS (
    SELECT pair, pfn, up_to, change,
           CASE WHEN lag(up_to) OVER along = pfn THEN 0 ELSE 1 END AS begins
    FROM told
    WHERE change IS NOT NULL
    WINDOW along AS (PARTITION BY pair, change ORDER BY pfn)
),
numbered AS (
    SELECT pair, pfn, up_to, change, sum(begins) OVER along AS stretch
    FROM begun
    WINDOW along AS (PARTITION BY pair, change ORDER BY pfn)
),
joined AS (
    SELECT pair, change, min(pfn) AS first_pfn, max(up_to) - 1 AS last_pfn
    FROM numbered
    GROUP BY pair, change, stretch
)
SELECT r.host, r.before, r.after, j.change, j.first_pfn, j.last_pfn,
       j.last_pfn - j.first_pfn + 1 AS pages, r.page_size, r.kexecs
FROM joined AS j
JOIN pairs AS r ON r.pair = j.pair
