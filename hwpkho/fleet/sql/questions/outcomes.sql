-- What the next kernel does with a list, by the release of the captured kernel. If a capture has
-- both a handover and an EFI table, the one that is not taken counts; null: it has neither.
WITH told AS (
    SELECT release, host,
           CASE WHEN error IS NOT NULL THEN 'not-judged'
                WHEN outcome <> 'replay' THEN outcome
                WHEN efi_outcome <> 'accepted' THEN efi_outcome
                ELSE coalesce(outcome, efi_outcome) END AS outcome
    FROM hosts
    WHERE (:host IS NULL OR host = :host)
      AND (:since IS NULL OR taken_at >= :since)
)
SELECT release, outcome, count(*) AS cases, count(DISTINCT host) AS hosts
FROM told
GROUP BY release, outcome
ORDER BY release NULLS LAST, cases DESC, outcome NULLS LAST
